//! Counters of each CPU.
//!
//! Plain adds suffice: programs on one CPU run one after the other, with bottom halves off.

use aya_ebpf::{macros::map, maps::PerCpuArray};
use collector_common::{
    books::{Books, Hook, Reason},
    wire::Tally,
};

#[map]
static BOOKS: PerCpuArray<Books> = PerCpuArray::with_max_entries(1, 0);

/// This CPU's books; none only where the map is broken, which the verifier wants asked.
#[inline(always)]
pub fn get() -> Option<&'static mut Books> {
    // SAFETY: the slot is this CPU's, and no other program of ours runs on it meanwhile.
    BOOKS.get_ptr_mut(0).map(|books| unsafe { &mut *books })
}

#[inline(always)]
pub fn see(books: &mut Books, hook: Hook, wire: Tally) {
    add(&mut books.seen[hook as usize & 1], wire);
}

#[inline(always)]
pub fn refuse(books: &mut Books, reason: Reason, wire: Tally) {
    if let Some(tally) = books.reasons.get_mut(reason as usize) {
        add(tally, wire);
    }
}

#[inline(always)]
pub fn add(tally: &mut Tally, wire: Tally) {
    tally.packets += wire.packets;
    tally.bytes += wire.bytes;
}
