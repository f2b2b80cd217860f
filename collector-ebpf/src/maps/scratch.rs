//! Room that the 512-byte stack lacks, one entry and one seed per CPU.

use aya_ebpf::{macros::map, maps::PerCpuArray};
use collector_common::flow::{Flow, FlowEntry};

/// A flow's first entry; all but what `FlowEntry::reopen` writes stays zero.
#[map]
static SCRATCH: PerCpuArray<FlowEntry> = PerCpuArray::with_max_entries(1, 0);

/// A seed on its way into the table.
#[map]
static SEED: PerCpuArray<Flow> = PerCpuArray::with_max_entries(1, 0);

#[inline(always)]
pub fn entry() -> Option<&'static mut FlowEntry> {
    // SAFETY: the slot is this CPU's, and no other program of ours runs on it meanwhile.
    SCRATCH.get_ptr_mut(0).map(|entry| unsafe { &mut *entry })
}

#[inline(always)]
pub fn seed() -> Option<&'static mut Flow> {
    // SAFETY: as above.
    SEED.get_ptr_mut(0).map(|flow| unsafe { &mut *flow })
}
