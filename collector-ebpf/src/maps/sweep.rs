//! Parameters of the pass over the table, set by the agent before it reads the iterator.

use aya_ebpf::{macros::map, maps::Array};
use collector_common::settings::Sweep;

#[map]
static SWEEP: Array<Sweep> = Array::with_max_entries(1, 0);

#[inline(always)]
pub fn get() -> Option<&'static mut Sweep> {
    // SAFETY: one reader of the iterator runs at a time, and the agent sets it in between.
    SWEEP.get_ptr_mut(0).map(|sweep| unsafe { &mut *sweep })
}
