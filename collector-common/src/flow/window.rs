//! The payload window: which of a flow's first bytes are sampled.

#[cfg(feature = "std")]
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::packet::{Packet, protocol, tcp};

/// Payload bytes sampled from the opener.
pub const WINDOW_OPENER: u32 = 4096;
/// Payload bytes sampled from the other side.
pub const WINDOW_RESPONDER: u32 = 2048;
/// Segments sampled per direction.
pub const WINDOW_SEGMENTS: u8 = 8;

/// The payload window of one direction. Eight bytes, read and written as one word: two CPUs may
/// take the same segment twice, never tear the state.
#[repr(C, align(8))]
#[cfg_attr(feature = "std", derive(FromBytes, Immutable, IntoBytes, KnownLayout))]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Window {
    /// TCP: sequence number of offset 0 (ISN + 1, mid-stream the first seen).
    /// UDP: bytes seen so far.
    pub base: u32,
    /// Segments taken.
    pub segments: u8,
    /// 1 once `base` is known.
    pub based: u8,
    /// 1: sampling is over for good.
    pub done: u8,
    /// Always zero.
    pub reserved: u8,
}

/// A piece of payload to take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Position in the stream of the first byte, relative to the window's start; negative for
    /// a retransmission from before.
    pub offset: i32,
    /// Bytes to copy, at least 1, at most the window.
    pub take: u32,
}

impl Piece {
    /// Nothing to take.
    pub const NOTHING: Self = Self { offset: 0, take: 0 };
}

impl Window {
    /// A window on which sampling never starts.
    pub const CLOSED: Self = Self {
        base: 0,
        segments: 0,
        based: 0,
        done: 1,
        reserved: 0,
    };

    /// Takes note of `packet` with `payload` bytes and says what to sample of them.
    #[must_use]
    pub fn admit(&mut self, packet: &Packet, payload: u32, limit: u32) -> Option<Piece> {
        let piece = self.admit_piece(packet, payload, limit);
        (piece.take > 0).then_some(piece)
    }

    /// [`Window::admit`] without an `Option`, which would leave registers undefined that the
    /// kernel's verifier sees read: nothing to sample is a piece of 0 bytes. The latch closes at
    /// the first byte past the window and with the last segment.
    #[inline(always)]
    pub fn admit_piece(&mut self, packet: &Packet, payload: u32, limit: u32) -> Piece {
        if self.done != 0 {
            return Piece::NOTHING;
        }
        let offset = if packet.protocol == protocol::TCP {
            self.tcp_offset(packet)
        } else {
            self.based = 1;
            let offset = self.base as i32;
            self.base = self.base.saturating_add(payload).min(limit);
            offset
        };
        if payload == 0 {
            return Piece::NOTHING;
        }
        // `payload` is at most a frame, so neither sum leaves i64.
        let end = i64::from(offset) + i64::from(payload);
        if end > i64::from(limit) {
            self.done = 1;
        }
        if end <= 0 || offset >= limit as i32 {
            return Piece::NOTHING;
        }
        self.segments += 1;
        if self.segments >= WINDOW_SEGMENTS {
            self.done = 1;
        }
        let room = (i64::from(limit) - i64::from(offset)) as u64 as u32;
        let take = if payload < room { payload } else { room };
        Piece {
            offset,
            take: if take < limit { take } else { limit },
        }
    }

    #[inline(always)]
    fn tcp_offset(&mut self, packet: &Packet) -> i32 {
        let syn = packet.tcp_flags & tcp::SYN != 0;
        let first = packet.sequence.wrapping_add(u32::from(syn));
        if self.based == 0 {
            self.base = first;
            self.based = 1;
        }
        first.wrapping_sub(self.base) as i32
    }
}
