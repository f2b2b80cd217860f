//! From a frame to what the rules look at, before time comes in.

use collector_common::{
    books::Reason,
    key::{FlowKey, Side},
    packet::{Link, Packet, parse},
    wire::Tally,
};

use super::{
    Timing,
    nfstream::{View, view},
    shards::shard_of,
    table::Handle,
};
use crate::capture::reader::{Frame, FrameLink};

/// A frame that is read.
pub(super) struct Parsed<'a> {
    /// The capture's time stamp, nanoseconds since the Unix epoch.
    pub(super) stamp: u64,
    /// What it stood for on the wire.
    pub(super) wire: Tally,
    pub(super) content: Content<'a>,
}

/// What a frame holds.
pub(super) enum Content<'a> {
    /// A packet that is metered.
    Packet(Keyed<'a>),
    /// Something that is counted under this reason.
    Refused(Reason),
    /// Its link type can't be read.
    Unsupported,
}

/// A packet and where it belongs.
pub(super) struct Keyed<'a> {
    pub(super) packet: Packet,
    pub(super) key: FlowKey,
    pub(super) side: Side,
    pub(super) shard: usize,
    /// Bytes of its transport payload that are at hand.
    pub(super) payload: &'a [u8],
    /// Where its flow may be.
    pub(super) guess: Option<Handle>,
}

impl<'a> Parsed<'a> {
    /// Reads a frame.
    pub(super) fn of(frame: &Frame<'a>, timing: Timing) -> Self {
        let stripped = match timing {
            Timing::Ticks => frame.link_header,
            Timing::NfStream => 0,
        };
        Self {
            stamp: frame.time,
            wire: Tally {
                packets: 1,
                bytes: frame.original_len.saturating_sub(stripped).into(),
            },
            content: match frame.link {
                FrameLink::Ethernet => Content::of(frame.bytes, Link::Ethernet, timing),
                FrameLink::Ip => Content::of(frame.bytes, Link::Ip, timing),
                FrameLink::NotIp => Content::Refused(Reason::NotIp),
                FrameLink::Unsupported => Content::Unsupported,
            },
        }
    }
}

impl<'a> Parsed<'a> {
    /// Its packet, if it is metered.
    pub(super) fn keyed(&self) -> Option<&Keyed<'a>> {
        match &self.content {
            Content::Packet(keyed) => Some(keyed),
            Content::Refused(_) | Content::Unsupported => None,
        }
    }

    /// The same, to be changed.
    pub(super) fn keyed_mut(&mut self) -> Option<&mut Keyed<'a>> {
        match &mut self.content {
            Content::Packet(keyed) => Some(keyed),
            Content::Refused(_) | Content::Unsupported => None,
        }
    }
}

impl<'a> Content<'a> {
    fn of(bytes: &'a [u8], link: Link, timing: Timing) -> Self {
        let parsed = match timing {
            Timing::Ticks => parse(bytes, link).map(|packet| View {
                packet,
                bytes,
                vlan: 0,
            }),
            Timing::NfStream => view(bytes, link),
        };
        match parsed {
            Ok(view) => Self::Packet(Keyed::of(&view)),
            Err(refusal) => Self::Refused(refusal.reason()),
        }
    }
}

impl<'a> Keyed<'a> {
    fn of(view: &View<'a>) -> Self {
        let packet = view.packet;
        let (mut key, side) = FlowKey::of(&packet);
        key.reserved = view.vlan.to_be_bytes();
        Self {
            packet,
            key,
            side,
            shard: shard_of(&key),
            payload: packet.payload_of(view.bytes),
            guess: None,
        }
    }
}
