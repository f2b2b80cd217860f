//! Records that wait for the next commit.

use std::io;

use collector_common::schema::{Line, PublicRecord, SpoolId, Sum, Totals};

use super::{frame, ledger::Ledger};

/// What an id costs in memory while its record waits.
const ID_BYTES: usize = 2 * size_of::<SpoolId>();

/// Text that is packed into a frame of its own, so that a table which is drained at once needs no
/// memory of its size.
const PACK: usize = 4 << 20;

/// Lines and sums of the commit to come.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Frames of lines.
    packed: Vec<u8>,
    /// Text in `packed`.
    packed_text: usize,
    text: String,
    ledger: Ledger,
    records: usize,
    ids: Vec<SpoolId>,
}

impl Queue {
    /// Takes a record: as a line, or into a failed counter.
    pub(super) fn push(
        &mut self,
        id: Option<SpoolId>,
        mut record: PublicRecord,
        sum: Sum,
        as_line: bool,
    ) {
        self.ledger.count(&record, sum);
        self.records += 1;
        self.ids.extend(id);
        if as_line {
            record.id = id;
            push_line(&mut self.text, &Line::Flow(record));
            if self.text.len() >= PACK {
                self.pack();
            }
        } else {
            self.ledger.count_failed(&record, id, sum);
        }
    }

    /// A record in it has an id.
    pub(super) fn has_ids(&self) -> bool {
        !self.ids.is_empty()
    }

    /// Memory it takes, about.
    pub(super) fn bytes(&self) -> usize {
        self.packed.len() + self.text.len() + self.ids.len() * ID_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Frames that end with `totals`, and how much text is in them.
    pub(super) fn frames(&self, totals: &Totals) -> io::Result<(Vec<u8>, u64)> {
        let mut text = self.text.clone();
        for line in self.ledger.lines() {
            push_line(&mut text, &line);
        }
        push_line(&mut text, &Line::Totals(totals.clone()));
        let last = frame::encode(text.as_bytes(), frame::FAST)?;
        let text = self.packed_text + text.len();
        Ok(([self.packed.as_slice(), &last].concat(), text as u64))
    }

    /// Where the encoder fails, for want of memory, the text stays as it is.
    fn pack(&mut self) {
        if let Ok(mut frame) = frame::encode(self.text.as_bytes(), frame::FAST) {
            self.packed.append(&mut frame);
            self.packed_text += self.text.len();
            self.text.clear();
        }
    }

    /// Empties it; gives the ids of what it held.
    pub(super) fn take_ids(&mut self) -> Vec<SpoolId> {
        std::mem::take(self).ids
    }
}

/// Appends `line` as JSON.
pub(crate) fn push_line(text: &mut String, line: &Line) {
    let json = serde_json::to_string(line).expect("lines have string keys and no fallible parts");
    text.push_str(&json);
    text.push('\n');
}
