//! The flow table: one preallocated hash, never an LRU (it evicts what is alive).

use aya_ebpf::{bindings::BPF_NOEXIST, macros::map, maps::HashMap};
use collector_common::{flow::FlowEntry, key::FlowKey, settings::DEFAULT_TABLE_SIZE};

#[map]
static FLOWS: HashMap<FlowKey, FlowEntry> = HashMap::with_max_entries(DEFAULT_TABLE_SIZE, 0);

/// `-EEXIST`: another CPU made the entry first.
const EXISTS: i32 = -17;

#[inline(always)]
pub fn find(key: &FlowKey) -> Option<&'static mut FlowEntry> {
    // SAFETY: the memory is the map's for as long as the program runs. It stays this flow's while
    // packets are added, because entries are deleted only after a grace period in which they were
    // marked CLOSING; a program that finds one later, just before it is deleted, sees the mark
    // (and where it were stopped before it looks, for as long as a delete and an insert take, it
    // would add to the flow that got the memory: no count is lost). Other CPUs hold the same
    // entry: counters are added atomically, and what is stored plainly (times, window) is one
    // word that any of them may win.
    FLOWS.get_ptr_mut(key).map(|entry| unsafe { &mut *entry })
}

/// Makes sure the key has an entry. False: the table is full or the kernel refused.
#[inline(always)]
pub fn ensure(key: &FlowKey, entry: &FlowEntry) -> bool {
    matches!(
        FLOWS.insert(key, entry, BPF_NOEXIST.into()),
        Ok(()) | Err(EXISTS)
    )
}

/// Puts `entry` in; false where the key has one already, or as in [`ensure`].
#[inline(always)]
pub fn insert_new(key: &FlowKey, entry: &FlowEntry) -> bool {
    FLOWS.insert(key, entry, BPF_NOEXIST.into()).is_ok()
}
