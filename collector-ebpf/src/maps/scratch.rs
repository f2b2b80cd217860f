//! Room that the 512-byte stack lacks, one flow per CPU.

use aya_ebpf::{macros::map, maps::PerCpuArray};
use collector_common::flow::Flow;

#[map]
static SCRATCH: PerCpuArray<Flow> = PerCpuArray::with_max_entries(1, 0);

#[inline(always)]
pub fn flow() -> Option<&'static mut Flow> {
    // SAFETY: the slot is this CPU's, and no other program of ours runs on it meanwhile.
    SCRATCH.get_ptr_mut(0).map(|flow| unsafe { &mut *flow })
}
