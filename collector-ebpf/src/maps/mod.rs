//! One file per map: its definition and the few things that are done with it.

pub mod books;
pub mod clock;
pub mod excluded;
pub mod flows;
pub mod late;
pub mod samples;
pub mod scratch;
pub mod sweep;

use collector_common::flow::Arithmetic;

/// Adding on memory that other CPUs add to as well.
pub struct Atomic;

impl Arithmetic for Atomic {
    #[inline(always)]
    fn add(slot: &mut u64, n: u64) {
        // SAFETY: an aligned u64 in a map value; `lock add` in the JIT.
        unsafe {
            core::intrinsics::atomic_xadd::<u64, u64, { core::intrinsics::AtomicOrdering::Relaxed }>(
                slot, n,
            )
        };
    }

    #[inline(always)]
    fn or(slot: &mut u64, bits: u64) {
        // SAFETY: as above.
        unsafe {
            core::intrinsics::atomic_or::<u64, u64, { core::intrinsics::AtomicOrdering::Relaxed }>(
                slot, bits,
            )
        };
    }

    #[inline(always)]
    fn and(slot: &mut u64, bits: u64) {
        // SAFETY: as above.
        unsafe {
            core::intrinsics::atomic_and::<u64, u64, { core::intrinsics::AtomicOrdering::Relaxed }>(
                slot, bits,
            )
        };
    }
}
