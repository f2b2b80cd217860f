//! What a replay came to.

use collector_common::{books::Books, schema::Counters, wire::Tally};
use hashbrown::HashMap;

use super::{Formed, OutOfOrder, Output};
use crate::inspect::Label;

/// What a replay came to.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// Every packet that was read, and what became of it.
    pub books: Books,
    /// Of link types that can't be read; not in `books`' reasons.
    pub unsupported: Tally,
    /// Packets that came before their time.
    pub out_of_order: OutOfOrder,
    /// In records.
    pub written: Tally,
    /// Records.
    pub records: u64,
    /// Records by what the flow is.
    pub labels: HashMap<Label, u64>,
    /// Samples that nobody looked at, because too many flows were undecided.
    pub samples_shed: u64,
}

impl Counted {
    /// Packets that were seen and are in no record and under no reason (or, below 0, the other
    /// way): 0 when the books hold.
    #[must_use]
    pub fn difference(&self) -> i128 {
        let seen = i128::from(self.books.seen_total().packets);
        let known = [self.books.reasons_total(), self.unsupported, self.written];
        seen - known
            .iter()
            .map(|tally| i128::from(tally.packets))
            .sum::<i128>()
    }

    /// As the files of records tell it.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            unsupported: self.unsupported.into(),
            samples_shed: self.samples_shed,
            ..Counters::of(&self.books)
        }
    }

    /// Hands records on.
    pub(super) fn write<I>(
        &mut self,
        formed: Vec<Formed<I>>,
        output: &mut impl Output<I>,
    ) -> anyhow::Result<()> {
        for formed in formed {
            self.records += 1;
            *self.labels.entry(formed.label).or_default() += 1;
            self.written = self.written.plus(formed.tally);
            output.write(formed)?;
        }
        Ok(())
    }
}
