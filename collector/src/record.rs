//! A finished flow with all that is known of it, before anything is removed.

use collector_common::{expiry::End, flow::Flow, schema::Sample, wire::Tally};

use crate::{inspect::Inspection, sink::entry::SpoolId};

/// Names a written record for good: the flow, and which of its parts. Kept in the spool (so that
/// nothing is written twice after a crash), never in a closed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordId {
    /// [`collector_common::flow::FlowEntry::id`].
    pub flow: u64,
    /// [`collector_common::flow::FlowEntry::part`].
    pub part: u32,
}

impl RecordId {
    /// Of the record of `flow` that is due.
    #[must_use]
    pub fn of(flow: &Flow) -> Self {
        Self {
            flow: flow.entry.id,
            part: flow.entry.part,
        }
    }
}

impl From<RecordId> for SpoolId {
    fn from(id: RecordId) -> Self {
        Self {
            flow: id.flow,
            part: id.part,
        }
    }
}

/// A flow that a record is due for. Exact; holds addresses, so it is never serialised.
#[derive(Clone, Debug)]
pub struct Record {
    /// Key and the entry's state when it was read.
    pub flow: Flow,
    /// What this record counts (the entry less earlier parts), opener first.
    pub counts: [Tally; 2],
    /// Why it is written now.
    pub end: End,
    /// What its payload said.
    pub inspection: Inspection,
    /// How much of it was looked at.
    pub sample: Sample,
}
