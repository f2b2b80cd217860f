//! Cutting flows as NFStream does (6.6, `nfstream/meter.py` and `flow.py`): when a packet arrives,
//! and by time alone; no TCP flag ends anything.

use collector_common::{expiry::End, flow::FlowEntry, settings::Timeouts};

use super::super::meter::{Meter, Seen};
use crate::closing::Records;

/// NFStream's rule, tested on arrival.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Arrival {
    /// Nanoseconds.
    idle: u64,
    /// Nanoseconds.
    active: u64,
}

impl Arrival {
    pub(in super::super) fn new(timeouts: &Timeouts) -> Self {
        Self {
            idle: timeouts.idle,
            active: timeouts.active,
        }
    }

    /// What is left for ticks: a flow that is quiet for the idle time ends with whatever packet
    /// comes next, so it may go before that.
    pub(in super::super) fn on_ticks(timeouts: &Timeouts) -> Timeouts {
        Timeouts {
            idle: timeouts.idle,
            half_open: Timeouts::NEVER,
            unanswered: Timeouts::NEVER,
            active: Timeouts::NEVER,
            linger: Timeouts::NEVER,
        }
    }

    /// Writes the record of the packet's flow if the packet comes too late for it.
    pub(in super::super) fn end_before(
        self,
        meter: &mut Meter,
        packet: &Seen<'_>,
        records: &mut impl Records,
    ) {
        let Some(handle) = meter.table.confirm(packet.guess, &packet.key) else {
            return;
        };
        let flow = *meter.table.flow(handle);
        if let Some(end) = self.ends(&flow.entry, packet.observation.now) {
            records.flow_ended(&flow, flow.entry.counts(), end);
            meter.table.delete(handle);
        }
    }

    /// Idle is tested first.
    fn ends(self, entry: &FlowEntry, now: u64) -> Option<End> {
        if now.saturating_sub(entry.last) >= self.idle {
            Some(End::Idle)
        } else if now.saturating_sub(entry.first) >= self.active {
            Some(End::Active)
        } else {
            None
        }
    }
}
