//! Parameters of the pass over the table, set by the agent before it reads the iterator.

use aya_ebpf::{macros::map, maps::Array};
use collector_common::settings::Sweep;

#[map]
static SWEEP: Array<Sweep> = Array::with_max_entries(1, 0);

#[inline(always)]
pub fn get() -> Option<&'static Sweep> {
    SWEEP.get(0)
}
