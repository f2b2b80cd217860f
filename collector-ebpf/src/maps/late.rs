//! Late and overflow packets, one record each.

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    macros::map,
    maps::RingBuf,
};
use collector_common::{
    books::{Books, Reason},
    event::{Late, LateKind},
};

use crate::settings;

#[map]
static LATE: RingBuf = RingBuf::with_byte_size(1 << 22, 0);

/// Hands the packet to the agent, or counts it as lost where the ring is full.
#[inline(always)]
pub fn send(books: &mut Books, mut record: Late, kind: LateKind) {
    let Some(mut room) = LATE.reserve::<Late>(0) else {
        let reason = match kind {
            LateKind::Closing => Reason::LateLost,
            LateKind::Overflow => Reason::OverflowLost,
        };
        books.refuse(reason, record.wire);
        return;
    };
    books.late.add(record.wire);
    record.sent = books.late;
    record.kind = kind as u8;
    room.write(record);
    room.submit(wake(&LATE).into());
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
