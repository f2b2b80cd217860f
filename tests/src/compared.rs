//! Records as two meters must agree on them.

use collector::{inspect::Inspection, record::Record};
use collector_common::{
    expiry::End,
    flow::{Flow, FlowEntry, NO_USER},
    wire::Tally,
};
use zerocopy::IntoBytes;

/// All of a record but what a meter draws by itself, or only a host knows: the flow's id, the
/// interface and the socket's user. Its `Debug` shows no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Key, counters, windows, flags, times.
    pub flow: Flow,
    /// What the record counts, opener first.
    pub counts: [Tally; 2],
    /// Why it was written.
    pub end: End,
    /// What its payload said.
    pub inspection: Inspection,
}

impl From<&Record> for Facts {
    fn from(record: &Record) -> Self {
        let entry = FlowEntry {
            id: 0,
            told: 0,
            ifindex: 0,
            user: NO_USER,
            ..record.flow.entry
        };
        Self {
            flow: Flow {
                key: record.flow.key,
                entry,
            },
            counts: record.counts,
            end: record.end,
            inspection: record.inspection.clone(),
        }
    }
}

impl Facts {
    /// What is left when the same packets come at another pace: no time, and of the reasons that
    /// time decides one for all.
    #[must_use]
    pub fn timeless(mut self) -> Self {
        let entry = &mut self.flow.entry;
        (entry.first, entry.last, entry.since) = (0, 0, 0);
        entry.ended = u64::from(entry.ended != 0);
        if !matches!(self.end, End::Finished | End::Reset) {
            self.end = End::Idle;
        }
        self
    }

    /// Its place in a sorted list.
    #[must_use]
    pub fn place(&self) -> Vec<u8> {
        self.flow.as_bytes().to_vec()
    }
}

/// The facts of all `records`, in an order that does not depend on that of the records.
#[must_use]
pub fn facts(records: &[Record]) -> Vec<Facts> {
    let mut facts: Vec<Facts> = records.iter().map(Facts::from).collect();
    facts.sort_by_key(Facts::place);
    facts
}

/// What only the one and only the other of two sorted lists has.
#[must_use]
pub fn differences<'a>(one: &'a [Facts], other: &'a [Facts]) -> [Vec<&'a Facts>; 2] {
    let missing = |from: &'a [Facts], of: &'a [Facts]| {
        let mut left: Vec<&Facts> = of.iter().collect();
        let mut only = Vec::new();
        for facts in from {
            match left.iter().position(|other| *other == facts) {
                Some(index) => drop(left.swap_remove(index)),
                None => only.push(facts),
            }
        }
        only
    };
    if one == other {
        return [Vec::new(), Vec::new()];
    }
    [missing(one, other), missing(other, one)]
}
