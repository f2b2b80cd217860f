//! The way of one flow over the wire, packet by packet.

use std::{io, net::IpAddr};

use collector_common::packet::tcp;

use super::{
    conversation::{Conversation, Framing, Message, Side, Speech, Transport},
    dice::Dice,
    template::{PSH, Segment, Template, opening, refusal},
    truth::Found,
    wire::{Payload, Wire},
};
use crate::frames::Path;

/// Segments that a sender puts on the wire before the other end acknowledges them.
const TRAIN: usize = 2;
/// Datagrams are no longer, as QUIC's are: path MTU discovery seldom gives more.
const DATAGRAM: usize = 1350;

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Syn,
    SynAck,
    Ack,
    Refusal,
    Talk,
    Acknowledge(Side),
    Fin,
    FinAnswer,
    LastAck,
    Reset,
    Ended,
}

/// A flow that is on its way.
pub(super) struct Flow {
    path: Path,
    conversation: Conversation,
    templates: [Template; 2],
    /// The next sequence number of each side.
    next: [u32; 2],
    stage: Stage,
    /// SYNs already sent.
    tries: u8,
    /// Who ends it.
    closer: Side,
    aborts: bool,
    packets: u64,
    bytes: u64,
}

impl Flow {
    pub(super) fn new(path: Path, conversation: Conversation, dice: &mut Dice) -> Self {
        let make = match conversation.transport {
            Transport::Udp => Template::udp,
            _ => Template::tcp,
        };
        Self {
            templates: [make(&path), make(&path.reversed())],
            path,
            next: [dice.u32(), dice.u32()],
            stage: match conversation.transport {
                Transport::Udp => Stage::Talk,
                _ => Stage::Syn,
            },
            conversation,
            tries: 0,
            closer: if dice.percent(60) {
                Side::Opener
            } else {
                Side::Responder
            },
            aborts: dice.percent(10),
            packets: 0,
            bytes: 0,
        }
    }

    /// Sends what is due: one packet, or a short train of data.
    pub(super) fn step(&mut self, wire: &mut Wire<'_>) -> io::Result<()> {
        if self.packets == 0 {
            wire.flow_opened();
        }
        let (closer, peer) = (self.closer, self.closer.other());
        match self.stage {
            Stage::Syn => self.syn(wire),
            Stage::SynAck => self.syn_ack(wire),
            Stage::Ack => self.bare(wire, Side::Opener, tcp::ACK, Stage::Talk),
            Stage::Refusal => self.refuse(wire),
            Stage::Talk => self.talk(wire),
            Stage::Acknowledge(side) => self.bare(wire, side, tcp::ACK, Stage::Talk),
            Stage::Fin => self.bare(wire, closer, tcp::FIN | tcp::ACK, Stage::FinAnswer),
            Stage::FinAnswer => self.bare(wire, peer, tcp::FIN | tcp::ACK, Stage::LastAck),
            Stage::LastAck => self.bare(wire, closer, tcp::ACK, Stage::Ended),
            Stage::Reset => self.bare(wire, closer, tcp::RST | tcp::ACK, Stage::Ended),
            Stage::Ended => Ok(()),
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    pub(super) fn found(&self) -> Found {
        Found {
            l4: match self.conversation.transport {
                Transport::Udp => "udp",
                _ => "tcp",
            },
            ip_version: match self.path.addresses.0 {
                IpAddr::V4(_) => 4,
                IpAddr::V6(_) => 6,
            },
            ports: self.path.ports,
            packets: self.packets,
            bytes: self.bytes,
            label: self.conversation.label,
            complete: self.has_ended(),
        }
    }

    fn syn(&mut self, wire: &mut Wire<'_>) -> io::Result<()> {
        let frame = opening(&self.path, tcp::SYN, self.next[0], 0);
        self.count(wire.send(&frame)?);
        self.tries += 1;
        self.stage = match self.conversation.transport {
            Transport::TcpUnanswered(tries) if self.tries >= tries => Stage::Ended,
            Transport::TcpUnanswered(_) => Stage::Syn,
            Transport::TcpRefused => Stage::Refusal,
            _ => Stage::SynAck,
        };
        Ok(())
    }

    fn syn_ack(&mut self, wire: &mut Wire<'_>) -> io::Result<()> {
        let [opener, responder] = self.next;
        let flags = tcp::SYN | tcp::ACK;
        let frame = opening(
            &self.path.reversed(),
            flags,
            responder,
            opener.wrapping_add(1),
        );
        self.next = self.next.map(|next| next.wrapping_add(1));
        self.stage = Stage::Ack;
        self.count(wire.send(&frame)?);
        Ok(())
    }

    fn refuse(&mut self, wire: &mut Wire<'_>) -> io::Result<()> {
        let frame = refusal(&self.path.reversed(), self.next[0].wrapping_add(1));
        self.stage = Stage::Ended;
        self.count(wire.send(&frame)?);
        Ok(())
    }

    /// A segment without payload.
    fn bare(&mut self, wire: &mut Wire<'_>, from: Side, flags: u8, then: Stage) -> io::Result<()> {
        self.segment(wire, from, flags, Payload::Bytes(&[]), 0)?;
        let own = &mut self.next[from as usize];
        *own = own.wrapping_add(u32::from(flags & tcp::FIN != 0));
        self.stage = then;
        Ok(())
    }

    fn talk(&mut self, wire: &mut Wire<'_>) -> io::Result<()> {
        let Some(message) = self.conversation.messages.pop_front() else {
            return self.close(wire);
        };
        let from = message.from;
        match self.conversation.transport {
            Transport::Udp => self.datagram(wire, message)?,
            _ => self.train(wire, message)?,
        }
        let next = self.conversation.messages.front().map(|next| next.from);
        self.stage = match self.conversation.transport {
            Transport::Udp if next.is_none() => Stage::Ended,
            Transport::Udp => Stage::Talk,
            // What the other end says next acknowledges, too.
            _ if next == Some(from.other()) => Stage::Talk,
            _ => Stage::Acknowledge(from.other()),
        };
        Ok(())
    }

    fn close(&mut self, wire: &mut Wire<'_>) -> io::Result<()> {
        self.stage = match (self.conversation.transport, self.aborts) {
            (Transport::Udp, _) => Stage::Ended,
            (_, true) => Stage::Reset,
            (_, false) => Stage::Fin,
        };
        self.step(wire)
    }

    /// The beginning of a message; what is left of it is due next.
    fn train(&mut self, wire: &mut Wire<'_>, message: Message) -> io::Result<()> {
        let from = message.from;
        let room = self.templates[from as usize].room();
        let mut speech = Some(message.speech);
        for _ in 0..TRAIN {
            let Some(now) = speech.take() else { break };
            speech = match now {
                Speech::Bytes(bytes) => self.bytes(wire, from, bytes, room)?,
                Speech::Filling(framing, left) => self.filling(wire, from, framing, left, room)?,
            };
        }
        if let Some(speech) = speech {
            self.conversation
                .messages
                .push_front(Message { from, speech });
        }
        Ok(())
    }

    fn bytes(
        &mut self,
        wire: &mut Wire<'_>,
        from: Side,
        mut bytes: Vec<u8>,
        room: usize,
    ) -> io::Result<Option<Speech>> {
        let rest = bytes.split_off(bytes.len().min(room));
        let flags = pushed(rest.is_empty());
        self.segment(wire, from, flags, Payload::Bytes(&bytes), bytes.len())?;
        Ok((!rest.is_empty()).then_some(Speech::Bytes(rest)))
    }

    fn filling(
        &mut self,
        wire: &mut Wire<'_>,
        from: Side,
        framing: Framing,
        left: u32,
        room: usize,
    ) -> io::Result<Option<Speech>> {
        let length = (left as usize).min(room - framing.overhead());
        let rest = left.saturating_sub(u32::try_from(length).unwrap_or(left));
        let payload = Payload::Filling(framing, length);
        let bytes = length + framing.overhead();
        self.segment(wire, from, pushed(rest == 0), payload, bytes)?;
        Ok((rest > 0).then_some(Speech::Filling(framing, rest)))
    }

    /// A segment with `length` bytes of payload.
    fn segment(
        &mut self,
        wire: &mut Wire<'_>,
        from: Side,
        flags: u8,
        payload: Payload<'_>,
        length: usize,
    ) -> io::Result<()> {
        let segment = Segment {
            flags,
            sequence: self.next[from as usize],
            acknowledgment: self.next[from.other() as usize],
            ..Segment::default()
        };
        let sent = wire.segment(&self.templates[from as usize], segment, payload)?;
        self.count(sent);
        let own = &mut self.next[from as usize];
        *own = own.wrapping_add(u32::try_from(length).unwrap_or_default());
        Ok(())
    }

    fn datagram(&mut self, wire: &mut Wire<'_>, message: Message) -> io::Result<()> {
        let from = message.from;
        let template = &self.templates[from as usize];
        let (payload, rest) = match &message.speech {
            Speech::Bytes(bytes) => (Payload::Bytes(bytes), None),
            &Speech::Filling(framing, left) => {
                let length = (left as usize).min(DATAGRAM - framing.overhead());
                let rest = left.saturating_sub(u32::try_from(length).unwrap_or(left));
                let rest = (rest > 0).then_some(Speech::Filling(framing, rest));
                (Payload::Filling(framing, length), rest)
            }
        };
        let sent = wire.datagram(template, payload)?;
        self.count(sent);
        if let Some(speech) = rest {
            self.conversation
                .messages
                .push_front(Message { from, speech });
        }
        Ok(())
    }

    fn count(&mut self, bytes: u64) {
        self.packets += 1;
        self.bytes += bytes;
    }
}

/// The last segment of a message is pushed.
fn pushed(last: bool) -> u8 {
    if last { tcp::ACK | PSH } else { tcp::ACK }
}
