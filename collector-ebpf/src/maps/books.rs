//! Counters of each CPU.
//!
//! Plain adds suffice: programs on one CPU run one after the other, with bottom halves off.

use aya_ebpf::{macros::map, maps::PerCpuArray};
use collector_common::books::Books;

#[map]
static BOOKS: PerCpuArray<Books> = PerCpuArray::with_max_entries(1, 0);

/// This CPU's books; none only where the map is broken, which the verifier wants asked.
#[inline(always)]
pub fn get() -> Option<&'static mut Books> {
    // SAFETY: the slot is this CPU's, and no other program of ours runs on it meanwhile.
    BOOKS.get_ptr_mut(0).map(|books| unsafe { &mut *books })
}
