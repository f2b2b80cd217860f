//! One door to packet bytes, and what the meter asks of a frame whatever hook brought it.

use core::mem::MaybeUninit;

use collector_common::{
    packet::{Bytes, Link, Packet, Refusal, parse_into},
    wire::Tally,
};

use crate::maps::scratch;

/// A frame at a hook.
pub trait Frame {
    /// The part that the program can read directly.
    fn direct(&self) -> Direct;
    /// What it stood for on the wire.
    fn wire(&self, packet: &Packet) -> Tally;
    /// Bytes at hand, across fragments.
    fn len(&self) -> u32;
    /// The interface's number.
    fn ifindex(&self) -> u32;
    /// Copies `len` bytes from `offset`; false where fewer are there.
    ///
    /// # Safety
    /// `to` has room for `len` bytes; `len` is at least 1 and bounded for the verifier.
    unsafe fn copy(&self, offset: u32, to: *mut u8, len: u32) -> bool;
    /// User of the sending socket, or [`collector_common::flow::NO_USER`].
    fn user(&self) -> u32;
}

/// Headers of a frame, into this CPU's scratch: directly where they lie in one piece, else by the
/// helper.
#[inline(always)]
pub fn headers<F: Frame>(frame: &F, link: Link, packet: &mut Packet) -> Result<(), Refusal> {
    let parsed = match parse_into(&frame.direct(), link, packet) {
        Err(Refusal::Short) => parse_into(&Loading::new(frame), link, packet),
        parsed => parsed,
    };
    scratch::settle(packet);
    parsed
}

/// Bytes between two packet pointers.
#[derive(Clone, Copy)]
pub struct Direct {
    start: usize,
    end: usize,
}

impl Direct {
    #[inline(always)]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

/// No header starts further in; the cap keeps the verifier's bounds finite.
const MAX_OFFSET: usize = 0x1fff;

impl Bytes for Direct {
    const HURRIED: bool = true;

    #[inline(always)]
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        if offset > MAX_OFFSET {
            return None;
        }
        let from = self.start + offset;
        if from + N > self.end {
            return None;
        }
        // SAFETY: the comparison above proves N bytes at `from` below the packet's end; any
        // bytes are a valid array, which needs no alignment.
        Some(unsafe { (from as *const [u8; N]).read_unaligned() })
    }

    #[inline(always)]
    fn forget(&self, offset: usize) -> usize {
        scratch::forget(offset)
    }
}

/// All bytes of a frame, read by the helper that crosses fragments; slower than [`Direct`].
pub struct Loading<'a, F>(&'a F);

impl<'a, F> Loading<'a, F> {
    #[inline(always)]
    pub fn new(frame: &'a F) -> Self {
        Self(frame)
    }
}

impl<F: Frame> Bytes for Loading<'_, F> {
    #[inline(always)]
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let mut bytes = MaybeUninit::<[u8; N]>::uninit();
        // SAFETY: there is room for N bytes, a constant of at least 1.
        let copied = unsafe {
            self.0
                .copy(offset as u32, bytes.as_mut_ptr().cast(), N as u32)
        };
        // SAFETY: all N bytes are written when the copy was done.
        copied.then(|| unsafe { bytes.assume_init() })
    }

    #[inline(always)]
    fn forget(&self, offset: usize) -> usize {
        scratch::forget(offset)
    }
}
