//! Records that the kernel hands to the agent through the rings.

#[cfg(feature = "std")]
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{
    books::Hook,
    flow::{FlowEntry, Observation, Piece},
    key::{FlowKey, Side},
    packet::Packet,
    wire::Tally,
};

/// In front of the bytes of a payload sample. 32 bytes, 8-byte aligned.
#[repr(C)]
#[cfg_attr(feature = "std", derive(FromBytes, Immutable, IntoBytes, KnownLayout))]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SampleHeader {
    /// [`crate::flow::FlowEntry::id`].
    pub id: u64,
    /// Position in the stream, see [`crate::flow::Piece`].
    pub offset: i32,
    /// Payload bytes of the packet, of which the first `taken` follow.
    pub payload_len: u32,
    /// Bytes that follow.
    pub taken: u32,
    /// Port of the sender, host byte order.
    pub source_port: u16,
    /// Port of the receiver, host byte order.
    pub destination_port: u16,
    /// IANA protocol number.
    pub protocol: u32,
    /// 1: sent by the flow's opener.
    pub from_opener: u32,
}

/// The ring, of `rings` (a power of two), that takes the samples of the flow `id`.
#[inline(always)]
#[must_use]
pub fn sample_ring(id: u64, rings: u32) -> u32 {
    // CPUs count ids up, so that flows go to the rings in turn.
    id as u32 & rings.wrapping_sub(1)
}

/// Payload bytes of the constant record sizes; a sample takes the smallest that holds it.
pub const SAMPLE_SIZES: [usize; 4] = [128, 512, 2048, 4096];

/// A sample with room for `N` bytes; what lies behind `taken` is undefined.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Sample<const N: usize> {
    /// What it is a sample of.
    pub header: SampleHeader,
    /// Payload.
    pub bytes: [u8; N],
}

/// Bytes before the first seed in the frame that [`crate::names::SEED_FLOWS`] is run with.
pub const SEED_HEADER: usize = 16;
/// Seeds per run: what BPF_PROG_TEST_RUN takes of a frame is 3,520 bytes.
pub const SEEDS_PER_RUN: usize = 14;

/// One packet that could not be added to an entry. Layout: `repr(C)`, 8-byte aligned.
#[repr(C)]
#[cfg_attr(feature = "std", derive(FromBytes, Immutable, IntoBytes, KnownLayout))]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Late {
    /// Its flow.
    pub key: FlowKey,
    /// Nanoseconds since boot.
    pub now: u64,
    /// What it stood for on the wire.
    pub wire: Tally,
    /// Packets of this CPU in this ring so far, this one included: what a crash swallowed shows as a
    /// gap.
    pub sent: Tally,
    /// Interface.
    pub ifindex: u32,
    /// Socket user at egress, or [`crate::flow::NO_USER`].
    pub user: u32,
    /// CPU that wrote it.
    pub cpu: u32,
    /// TCP sequence number.
    pub sequence: u32,
    /// TCP flags.
    pub tcp_flags: u8,
    /// [`Side`] of the sender.
    pub side: u8,
    /// [`Hook`].
    pub hook: u8,
    /// Always zero.
    pub reserved: [u8; 5],
}

const _: () = assert!(size_of::<SampleHeader>() == 32);
const _: () = assert!(size_of::<Late>() == 104);

impl SampleHeader {
    /// Of the piece of `seen`'s payload, `payload` bytes long, that is taken for `entry`.
    #[inline(always)]
    #[must_use]
    pub fn of(entry: &FlowEntry, seen: &Observation, payload: u32, piece: Piece) -> Self {
        let packet = &seen.packet;
        Self {
            id: entry.id,
            offset: piece.offset,
            payload_len: payload,
            taken: piece.take,
            source_port: packet.source_port,
            destination_port: packet.destination_port,
            protocol: packet.protocol.into(),
            from_opener: (seen.side as u8 == entry.opener).into(),
        }
    }
}

impl Late {
    /// The packet again, as far as the update rule needs it.
    #[must_use]
    pub fn observation(&self) -> Observation {
        Observation {
            packet: Packet {
                protocol: self.key.protocol,
                version: self.key.version,
                tcp_flags: self.tcp_flags,
                sequence: self.sequence,
                ..Packet::default()
            },
            side: Side::from_number(self.side),
            wire: self.wire,
            now: self.now,
            hook: if self.hook == Hook::Egress as u8 {
                Hook::Egress
            } else {
                Hook::Ingress
            },
            ifindex: self.ifindex,
        }
    }
}
