//! Payload samples: a header and bytes, in a few constant sizes.

use aya_ebpf::{macros::map, maps::RingBuf};
use collector_common::{
    books::Books,
    event::{SAMPLE_SIZES, Sample, SampleHeader, sample_ring},
};

use super::late::wake;
use crate::{frame::Frame, settings};

#[map]
static SAMPLES_0: RingBuf = RingBuf::with_byte_size(1 << 23, 0);
#[map]
static SAMPLES_1: RingBuf = RingBuf::with_byte_size(UNUSED, 0);
#[map]
static SAMPLES_2: RingBuf = RingBuf::with_byte_size(UNUSED, 0);
#[map]
static SAMPLES_3: RingBuf = RingBuf::with_byte_size(UNUSED, 0);

/// A page: no ring is smaller.
const UNUSED: u32 = 4096;

/// The flow's.
#[inline(always)]
fn ring(id: u64) -> &'static RingBuf {
    match sample_ring(id, settings::sample_rings()) {
        0 => &SAMPLES_0,
        1 => &SAMPLES_1,
        2 => &SAMPLES_2,
        _ => &SAMPLES_3,
    }
}

/// Copies `header.taken` bytes from `offset` on; what the ring can't take is counted.
#[inline(always)]
pub fn send<F: Frame>(books: &mut Books, frame: &F, offset: u32, header: &SampleHeader) {
    let taken = header.taken as usize;
    let sent = if taken <= SAMPLE_SIZES[0] {
        fill::<F, { SAMPLE_SIZES[0] }>(frame, offset, header)
    } else if taken <= SAMPLE_SIZES[1] {
        fill::<F, { SAMPLE_SIZES[1] }>(frame, offset, header)
    } else if taken <= SAMPLE_SIZES[2] {
        fill::<F, { SAMPLE_SIZES[2] }>(frame, offset, header)
    } else {
        fill::<F, { SAMPLE_SIZES[3] }>(frame, offset, header)
    };
    if sent {
        books.samples += 1;
    } else {
        books.samples_lost += 1;
    }
}

#[inline(always)]
fn fill<F: Frame, const N: usize>(frame: &F, offset: u32, header: &SampleHeader) -> bool {
    let ring = ring(header.id);
    let Some(mut room) = ring.reserve::<Sample<N>>(0) else {
        return false;
    };
    let sample = room.as_mut_ptr();
    // The sizes are powers of two: the mask shows the verifier 1..=N and changes no length,
    // since the caller chose N for it.
    let len = (opaque(header.taken).wrapping_sub(1) & (N as u32 - 1)) + 1;
    // SAFETY: `sample` is N bytes behind a header, and `len` is at most N.
    let copied = unsafe {
        (&raw mut (*sample).header).write(*header);
        frame.copy(offset, (&raw mut (*sample).bytes).cast(), len)
    };
    if copied {
        room.submit(wake(ring).into());
    } else {
        room.discard(0);
    }
    copied
}

/// The same number, of which the compiler knows nothing: it would drop the mask that the
/// verifier needs.
#[inline(always)]
fn opaque(number: u32) -> u32 {
    let mut word = u64::from(number);
    // SAFETY: a register is moved to itself (no instruction at all would leave a line in the
    // BTF that belongs to nothing, which the kernel refuses).
    unsafe { core::arch::asm!("{0} = {0}", inout(reg) word, options(nomem, nostack)) };
    word as u32
}
