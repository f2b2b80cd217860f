//! Late and overflow packets, one record each, in two rings.

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    macros::map,
    maps::RingBuf,
};
use collector_common::{
    books::{Books, Reason},
    event::Late,
    wire::Tally,
};

use crate::settings;

#[map]
static LATE: RingBuf = RingBuf::with_byte_size(1 << 22, 0);

#[map]
static OVERFLOW: RingBuf = RingBuf::with_byte_size(1 << 22, 0);

/// The flow is closing.
#[inline(always)]
pub fn send(books: &mut Books, record: Late) {
    if !write(&LATE, &mut books.late, record) {
        books.refuse(Reason::LateLost, record.wire);
    }
}

/// The table is full.
#[inline(always)]
pub fn overflow(books: &mut Books, record: Late) {
    if !write(&OVERFLOW, &mut books.overflow, record) {
        books.refuse(Reason::OverflowLost, record.wire);
    }
}

/// Hands the packet to the agent; false where the ring is full.
#[inline(always)]
fn write(ring: &RingBuf, sent: &mut Tally, mut record: Late) -> bool {
    let Some(mut room) = ring.reserve::<Late>(0) else {
        return false;
    };
    sent.add(record.wire);
    record.sent = *sent;
    room.write(record);
    room.submit(wake(ring).into());
    true
}

/// The agent polls; a ring that fills up wakes it once, when it passes the mark: a wake-up for each
/// record would cost more than the rest of the packet's way.
#[inline(always)]
pub fn wake(ring: &RingBuf) -> u32 {
    let above = ring
        .query(BPF_RB_AVAIL_DATA.into())
        .wrapping_sub(settings::wake_bytes());
    if above < LARGEST_RECORD {
        BPF_RB_FORCE_WAKEUP
    } else {
        BPF_RB_NO_WAKEUP
    }
}

/// No record is larger, so that none steps over the mark.
const LARGEST_RECORD: u64 = 8192;
