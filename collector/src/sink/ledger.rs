//! Sums by hour and leg, and counters of failed flows.

use std::collections::BTreeMap;

use collector_common::schema::{
    FailedCell, Hour, Leg, Line, Outcome, Port, PublicRecord, SpoolId, Statistics, Sum, Transport,
};

type CellKey = (Hour, Leg, Transport, Outcome, Option<Port>);

/// What is told as sums: exact, and small whatever happens on the wire (but for the ids).
#[derive(Debug, Default)]
pub(super) struct Ledger {
    statistics: BTreeMap<(Hour, Leg), Statistics>,
    failed: BTreeMap<CellKey, (Sum, Vec<SpoolId>)>,
}

impl Ledger {
    /// Counts a record into its hour and leg.
    pub(super) fn count(&mut self, record: &PublicRecord, sum: Sum) {
        self.hour_and_leg(record.hour, record.leg)
            .count(record.outcome, record.failed, sum);
    }

    /// Counts a record that gets no line.
    pub(super) fn count_failed(&mut self, record: &PublicRecord, id: Option<SpoolId>, sum: Sum) {
        let key = (
            record.hour,
            record.leg,
            record.transport,
            record.outcome,
            record.destination_port,
        );
        let (cell, ids) = self.failed.entry(key).or_default();
        cell.add(sum);
        ids.extend(id);
    }

    /// Adds a spool's statistics line.
    pub(super) fn add_statistics(&mut self, line: &Statistics) {
        self.hour_and_leg(line.hour, line.leg).add(line);
    }

    /// Adds a spool's failed line, without its ids.
    pub(super) fn add_failed(&mut self, line: &FailedCell) {
        let key = (
            line.hour,
            line.leg,
            line.transport,
            line.outcome,
            line.destination_port,
        );
        self.failed.entry(key).or_default().0.add(line.sum);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.statistics.is_empty() && self.failed.is_empty()
    }

    /// Its lines, failed ones first.
    pub(super) fn lines(&self) -> impl Iterator<Item = Line> {
        let failed = self.failed.iter().map(|(key, (sum, ids))| {
            let (hour, leg, transport, outcome, destination_port) = *key;
            Line::Failed(FailedCell {
                hour,
                leg,
                transport,
                outcome,
                destination_port,
                sum: *sum,
                ids: ids.clone(),
            })
        });
        failed.chain(self.statistics.values().cloned().map(Line::Statistics))
    }

    fn hour_and_leg(&mut self, hour: Hour, leg: Leg) -> &mut Statistics {
        self.statistics
            .entry((hour, leg))
            .or_insert_with(|| Statistics::empty(hour, leg))
    }
}
