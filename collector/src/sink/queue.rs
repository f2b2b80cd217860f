//! Records that wait for the next commit.

use std::{collections::BTreeMap, io};

use collector_common::schema::{Anomaly, Leg};
use hashbrown::HashMap;

use super::{
    anomalies::Anomalies,
    days::{Histograms, day_of},
    entry::{Entered, Entry, Ids, Kind, Row, Size, SpoolId, Totals, push_json},
    frame,
};
use crate::process::on_clean_stack;

/// What a kind costs in memory while its records wait.
const KIND_BYTES: usize = 2 * size_of::<Kind>();
/// Most kinds that are held: with so many, few come again.
const MOST_KINDS: usize = 1 << 14;
/// What an id costs.
const ID_BYTES: usize = size_of::<SpoolId>();

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
    /// Their numbers in the spool: a kind is told once.
    kinds: HashMap<Box<Kind>, u32>,
    /// Of these, told by the commit to come.
    new_kinds: usize,
    counted: BTreeMap<(u32, i64), Size>,
    sizes: BTreeMap<(Leg, i64), Histograms>,
    /// No more than kinds of anomalies times hours.
    anomalies: Anomalies,
    records: usize,
    ids: Vec<SpoolId>,
}

impl Queue {
    /// Takes a record: as a row, or into a counter.
    pub(super) fn push(&mut self, id: Option<SpoolId>, record: Entered, as_row: bool) {
        self.records += 1;
        self.ids.extend(id);
        let (start, size, leg) = (record.start, record.size, record.kind.traits.leg);
        let kind = self.number(record.kind);
        if as_row {
            let row = Row {
                kind,
                start,
                packets: size.sum.packets,
                bytes: size.sum.bytes,
                duration_ms: size.duration_ms,
            };
            row.push(&mut self.text);
            if self.text.len() >= PACK {
                self.pack();
            }
        } else {
            self.counted.entry((kind, start)).or_default().add(size);
            let sizes = self.sizes.entry((leg, day_of(start))).or_default();
            sizes.count(size);
        }
    }

    pub(super) fn note(&mut self, anomalies: &[Anomaly]) {
        anomalies.iter().for_each(|one| self.anomalies.add(one));
    }

    fn number(&mut self, kind: Kind) -> u32 {
        if let Some(number) = self.kinds.get(&kind) {
            return *number;
        }
        // A commit adds fewer than 2^31: each costs more than a byte of the queue.
        let number = self.kinds.len() as u32;
        let entry = Entry::Kind { number, kind };
        push_json(&mut self.text, &entry);
        self.new_kinds += 1;
        if let Entry::Kind { kind, .. } = entry {
            // It waits for as long as the disk takes nothing, and was made where addresses lay.
            let kept = on_clean_stack(|| Box::new(kind.clone()));
            self.kinds.insert(kept, number);
        }
        number
    }

    /// Memory it takes, about.
    pub(super) fn bytes(&self) -> usize {
        let counted = self.counted.len() * 2 * size_of::<Size>();
        let ids = self.ids.len() * ID_BYTES;
        self.packed.len() + self.text.len() + self.new_kinds * KIND_BYTES + counted + ids
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records == 0 && self.anomalies.is_empty()
    }

    /// Frames that end with `totals`, and how much text is in them.
    pub(super) fn frames(&mut self, totals: &Totals) -> io::Result<(Vec<u8>, u64)> {
        let mut text = self.text.clone();
        for ((kind, start), size) in &self.counted {
            let (kind, start, size) = (*kind, *start, *size);
            push_json(&mut text, &Entry::Counted { kind, start, size });
        }
        for ((leg, day), histograms) in &self.sizes {
            let (leg, day, histograms) = (*leg, *day, histograms.clone());
            push_json(
                &mut text,
                &Entry::Sizes {
                    leg,
                    day,
                    histograms,
                },
            );
        }
        for anomaly in self.anomalies.iter() {
            push_json(&mut text, &Entry::Anomaly(*anomaly));
        }
        let ids = self.packed_ids();
        if !ids.is_empty() {
            push_json(&mut text, &Entry::Ids(ids));
        }
        push_json(&mut text, &Entry::Totals(Box::new(totals.clone())));
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

    /// Empties it, since the spool has what it held; gives the ids of that.
    pub(super) fn take_ids(&mut self) -> Ids {
        let mut written = std::mem::take(self);
        if written.kinds.len() < MOST_KINDS {
            self.kinds = std::mem::take(&mut written.kinds);
        }
        written.packed_ids()
    }

    fn packed_ids(&mut self) -> Ids {
        self.ids.sort_unstable();
        Ids::of(&self.ids)
    }

    /// Another spool follows; nothing waits.
    pub(super) fn forget_kinds(&mut self) {
        self.kinds = HashMap::new();
    }
}
