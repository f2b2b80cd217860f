//! Records that wait for the next frame.

use collector_common::schema::{Line, PublicRecord, SpoolId, Sum, Totals};

use super::ledger::Ledger;

/// What an id costs in memory while its record waits.
const ID_BYTES: usize = 2 * size_of::<SpoolId>();

/// Lines and sums of the frame to come.
#[derive(Debug, Default)]
pub(super) struct Queue {
    text: String,
    ledger: Ledger,
    ids: Vec<SpoolId>,
}

impl Queue {
    /// Takes a record: as a line, or into a failed counter.
    pub(super) fn push(&mut self, id: SpoolId, mut record: PublicRecord, sum: Sum, as_line: bool) {
        self.ledger.count(&record, sum);
        self.ids.push(id);
        if as_line {
            record.id = Some(id);
            push_line(&mut self.text, &Line::Flow(record));
        } else {
            self.ledger.count_failed(&record, id, sum);
        }
    }

    /// Memory it takes, about.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + self.ids.len() * ID_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The text of a frame that ends with `totals`.
    pub(super) fn frame(&self, totals: &Totals) -> String {
        let mut text = self.text.clone();
        for line in self.ledger.lines() {
            push_line(&mut text, &line);
        }
        push_line(&mut text, &Line::Totals(totals.clone()));
        text
    }

    /// Empties it; gives the ids of what it held.
    pub(super) fn take_ids(&mut self) -> Vec<SpoolId> {
        std::mem::take(self).ids
    }
}

/// Appends `line` as JSON.
pub(super) fn push_line(text: &mut String, line: &Line) {
    let json = serde_json::to_string(line).expect("lines have string keys and no fallible parts");
    text.push_str(&json);
    text.push('\n');
}
