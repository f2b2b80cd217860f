//! What the two ends of a flow say to each other, in order.

use std::collections::VecDeque;

use super::dice::Dice;

/// An end of a flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Opener,
    Responder,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Opener => Self::Responder,
            Self::Responder => Self::Opener,
        }
    }
}

/// What stands before filling in each segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Framing {
    None,
    /// The header of an application data record (RFC 8446, section 5.2): a record a segment.
    TlsRecord,
    /// The short header of a QUIC packet (RFC 9000, section 17.3) and a connection id.
    Quic(Option<[u8; 8]>),
}

/// What one end says before the other's turn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Speech {
    /// These bytes; over UDP one datagram.
    Bytes(Vec<u8>),
    /// This many bytes that mean nothing, in segments of full size and a shorter last one.
    Filling(Framing, u32),
}

/// A speech and who gives it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Message {
    pub(super) from: Side,
    pub(super) speech: Speech,
}

/// The transport of a flow, and what becomes of an opening.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Transport {
    Tcp,
    /// SYN, RST.
    TcpRefused,
    /// SYNs that nobody answers: this many.
    TcpUnanswered(u8),
    Udp,
}

/// A flow as its ends see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Conversation {
    /// The protocol that its payload shows, in nDPI's spelling; `Unknown` without payload.
    pub(super) label: &'static str,
    pub(super) transport: Transport,
    /// The responder's.
    pub(super) port: u16,
    /// Opened from outside.
    pub(super) inbound: bool,
    pub(super) messages: VecDeque<Message>,
}

impl Conversation {
    pub(super) fn new(label: &'static str, transport: Transport, port: u16) -> Self {
        Self {
            label,
            transport,
            port,
            inbound: false,
            messages: VecDeque::new(),
        }
    }

    pub(super) fn say(&mut self, from: Side, bytes: impl Into<Vec<u8>>) {
        let speech = Speech::Bytes(bytes.into());
        self.messages.push_back(Message { from, speech });
    }

    /// `bytes` of filling, which may be none.
    pub(super) fn fill(&mut self, from: Side, framing: Framing, bytes: u32) {
        if bytes > 0 {
            let speech = Speech::Filling(framing, bytes);
            self.messages.push_back(Message { from, speech });
        }
    }

    /// Requests and their answers, `bytes` of them; now and then the opener sends the bulk.
    pub(super) fn exchange(&mut self, dice: &mut Dice, framings: [Framing; 2], mut bytes: u32) {
        let upload = dice.percent(12);
        let [asks, answers] = framings;
        while bytes > 0 {
            let part = portion(dice, bytes);
            let small = 120 + portion(dice, 600);
            let (up, down) = if upload { (part, small) } else { (small, part) };
            self.fill(Side::Opener, asks, up);
            self.fill(Side::Responder, answers, down);
            bytes -= part;
        }
    }
}

/// 1 to `most`, so that what is left shrinks fast.
fn portion(dice: &mut Dice, most: u32) -> u32 {
    let part = 1 + dice.below(most as usize);
    u32::try_from(part).expect("no more than `most`")
}
