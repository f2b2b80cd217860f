//! What those who watch are told of the agent, kept up to date by its ticks: without a walk over the
//! table, and without a question to the kernel.

use std::{collections::VecDeque, io, sync::Arc};

use collector_common::{
    books::{Books, Hook},
    settings::SECOND,
};

use super::{super::Options, watch::found_full};
use crate::watching::health::{Gauge, Rates, SelfWatch};

/// Ticks that are kept: those of a minute, and the one before.
const KEPT: usize = 61;

/// What fills up, and the kernel's counters of the last minute.
pub(super) struct Gauges {
    pub(super) table: Gauge,
    /// Of the rings, by name.
    pub(super) rings: Vec<(String, Arc<Gauge>)>,
    pub(super) process: SelfWatch,
    /// Entries that the agent took out of the table.
    pub(super) closed: u64,
    /// Those that it put in. Some were there already, by a packet.
    pub(super) planted: u64,
    /// Most bytes of records that waited for the disk.
    pub(super) queue_peak: u64,
    /// What the table held when it was last walked over, beside what counters said then.
    base: i64,
    recent: VecDeque<Look>,
}

/// A tick.
#[derive(Clone, Copy)]
struct Look {
    /// Nanoseconds since boot.
    at: u64,
    books: Books,
    samples_shed: u64,
}

impl Gauges {
    pub(super) fn new(
        options: &Options,
        rings: Vec<(String, Arc<Gauge>)>,
        books: Books,
        now: u64,
    ) -> io::Result<Self> {
        Ok(Self {
            table: Gauge::new(options.table_size.into()),
            rings,
            process: SelfWatch::open()?,
            closed: 0,
            planted: 0,
            queue_peak: 0,
            base: 0,
            recent: [Look {
                at: now,
                books,
                samples_shed: 0,
            }]
            .into(),
        })
    }

    /// The table holds exactly `flows`.
    pub(super) fn counted(&mut self, flows: u64, books: &Books) {
        self.base = flows.cast_signed() - self.turnover(books);
        self.table.found(flows);
    }

    /// It is `now`, nanoseconds since boot.
    pub(super) fn look(&mut self, books: &Books, samples_shed: u64, now: u64) {
        let flows = (self.base + self.turnover(books)).max(0);
        self.table.found(flows.unsigned_abs());
        if self.recent.len() == KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back(Look {
            at: now,
            books: *books,
            samples_shed,
        });
    }

    /// Entries that came, less those that went. A packet for which there is no room draws an id, too.
    fn turnover(&self, books: &Books) -> i64 {
        let came = books.flows.saturating_sub(found_full(books)) + self.planted;
        came.cast_signed() - self.closed.cast_signed()
    }

    /// As of the last tick.
    pub(super) fn books(&self) -> Books {
        self.recent
            .back()
            .map_or_else(Books::default, |look| look.books)
    }

    /// What `counter` counted in the last minute.
    pub(super) fn of_minute(&self, counter: impl Fn(&Books) -> u64) -> u64 {
        self.minute(|look| counter(&look.books))
    }

    /// Samples of the last minute that were not looked at.
    pub(super) fn shed_in_minute(&self) -> u64 {
        self.minute(|look| look.samples_shed)
    }

    fn minute(&self, counter: impl Fn(&Look) -> u64) -> u64 {
        let first = self.recent.front().map_or(0, &counter);
        let last = self.recent.back().map_or(0, &counter);
        last.saturating_sub(first)
    }

    /// Of the last minute, oldest first.
    pub(super) fn rates(&self) -> Vec<Rates> {
        let pairs = self.recent.iter().zip(self.recent.iter().skip(1));
        pairs
            .map(|(before, after)| Rates::between(before, after))
            .collect()
    }

    /// Packets of both hooks.
    pub(super) fn packets_per_second(&self) -> u64 {
        let last = self.rates().last().copied().unwrap_or_default();
        last.packets.iter().sum()
    }
}

impl Rates {
    fn between(before: &Look, after: &Look) -> Self {
        let nanoseconds = u128::from(after.at.saturating_sub(before.at).max(1));
        let rate = |amount: u64| {
            let rate = u128::from(amount) * u128::from(SECOND) / nanoseconds;
            u64::try_from(rate).unwrap_or(u64::MAX)
        };
        let passed = Hook::ALL.map(|hook| {
            let hook = hook as usize;
            after.books.seen[hook].since(before.books.seen[hook])
        });
        Self {
            packets: passed.map(|tally| rate(tally.packets)),
            bits: passed.map(|tally| rate(tally.bytes.saturating_mul(8))),
        }
    }
}

#[cfg(test)]
mod tests {
    use collector_common::wire::Tally;

    use super::*;

    fn gauges() -> Gauges {
        let mut options = Options::new(vec!["eth0".into()]);
        options.table_size = 100;
        Gauges::new(&options, Vec::new(), Books::default(), 0).unwrap()
    }

    fn seen(packets: u64) -> Books {
        let mut books = Books::default();
        books.seen[0] = Tally {
            packets,
            bytes: packets * 100,
        };
        books
    }

    #[test]
    fn rates_are_per_second_whatever_lies_between_two_ticks() {
        let mut gauges = gauges();
        gauges.look(&seen(10), 0, SECOND);
        gauges.look(&seen(50), 0, 3 * SECOND);
        let rates = gauges.rates();
        assert_eq!(rates.len(), 2);
        assert_eq!((rates[1].packets, rates[1].bits), ([20, 0], [16_000, 0]));
        assert_eq!(gauges.packets_per_second(), 20);
    }

    #[test]
    fn a_minute_is_kept_and_no_more() {
        let mut gauges = gauges();
        for second in 1..=1000 {
            let books = Books {
                samples_lost: second,
                ..Books::default()
            };
            gauges.look(&books, 2 * second, second * SECOND);
        }
        assert_eq!(gauges.rates().len(), 60);
        assert_eq!(gauges.of_minute(|books| books.samples_lost), 60);
        assert_eq!(gauges.shed_in_minute(), 120);
    }

    #[test]
    fn the_table_is_known_by_what_came_and_went_since_it_was_counted() {
        let mut gauges = gauges();
        let books = |flows, overflow| Books {
            flows,
            overflow,
            ..Books::default()
        };
        let five = Tally {
            packets: 5,
            bytes: 500,
        };
        gauges.counted(40, &books(1000, Tally::default()));
        gauges.closed += 10;
        gauges.planted += 1;
        gauges.look(&books(1030, five), 0, SECOND);
        let fill = gauges.table.fill();
        assert_eq!((fill.now, fill.peak, fill.size), (56, 56, 100));
    }
}
