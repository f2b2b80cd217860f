//! Room that the 512-byte stack lacks, one entry and one seed per CPU.

use aya_ebpf::{macros::map, maps::PerCpuArray};
use collector_common::{
    flow::{Flow, FlowEntry},
    packet::Packet,
};

/// The packet in hand, and a place through which the verifier does not follow a number.
#[repr(C)]
struct Desk {
    packet: Packet,
    number: usize,
}

#[map]
static DESK: PerCpuArray<Desk> = PerCpuArray::with_max_entries(1, 0);

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

/// Where headers are read to. In a map and not on the stack: then the code behind the parser is
/// verified once, not once for each way through the parser.
#[inline(always)]
pub fn packet() -> Option<&'static mut Packet> {
    // SAFETY: as above.
    DESK.get_ptr_mut(0)
        .map(|desk| unsafe { &mut (*desk).packet })
}

/// Makes the compiler read `packet` from memory again, where the verifier knows no values.
#[inline(always)]
pub fn settle(packet: &mut Packet) {
    let mut pointer = core::ptr::from_mut(packet);
    // SAFETY: a register is moved to itself; memory counts as changed.
    unsafe { core::arch::asm!("{0} = {0}", inout(reg) pointer, options(nostack)) };
    let _ = pointer;
}

/// See [`collector_common::packet::Bytes::forget`].
#[inline(always)]
pub fn forget(number: usize) -> usize {
    let Some(desk) = DESK.get_ptr_mut(0) else {
        return number;
    };
    // SAFETY: the slot is this CPU's; volatile, so that both the store and the load happen.
    unsafe {
        (&raw mut (*desk).number).write_volatile(number);
        (&raw const (*desk).number).read_volatile()
    }
}
