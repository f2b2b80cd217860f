//! What a replay came to, for people and scripts.

use std::{collections::BTreeMap, fmt::Write};

use anyhow::ensure;
use collector_common::{books::Reason, wire::Tally};
use serde::Serialize;

use crate::{
    capture::replay::{Counted, OutOfOrder},
    live::Amount,
};

/// Labels that are listed by name.
const LISTED: usize = 20;

/// Sums over all captures.
#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    seen: Amount,
    written: Amount,
    /// By reason, zeros included.
    reasons: BTreeMap<&'static str, Amount>,
    records: u64,
    labels: BTreeMap<String, u64>,
    out_of_order: OutOfOrder,
    /// Packets that found the table full; they are in records of half a second each.
    overflow_packets: u64,
    samples: u64,
    /// Samples that were not looked at: too many flows were undecided.
    samples_shed: u64,
    /// Captures that could not be read to their end.
    pub(super) damaged: u64,
    /// Seen and neither written nor under a reason: 0.
    difference: i128,
    pub(super) seconds: f64,
}

impl Summary {
    pub(super) fn packets(&self) -> u64 {
        self.seen.packets
    }

    /// Adds a stream.
    pub(super) fn add(&mut self, counted: &Counted) {
        add(&mut self.seen, counted.books.seen_total());
        add(&mut self.written, counted.written);
        for reason in Reason::ALL {
            let amount = self.reasons.entry(reason.as_str()).or_default();
            add(amount, counted.books.reasons[reason as usize]);
        }
        add(
            self.reasons.entry("unsupported_link").or_default(),
            counted.unsupported,
        );
        self.records += counted.records;
        for (label, records) in &counted.labels {
            *self.labels.entry(label.to_string()).or_default() += records;
        }
        self.out_of_order.packets += counted.out_of_order.packets;
        let largest = self.out_of_order.largest.max(counted.out_of_order.largest);
        self.out_of_order.largest = largest;
        self.overflow_packets += counted.books.overflow.packets;
        self.samples += counted.books.samples;
        self.samples_shed += counted.samples_shed;
        self.difference += counted.difference();
    }

    pub(super) fn print(&self, json: bool) -> anyhow::Result<()> {
        let text = if json {
            serde_json::to_string(self)?
        } else {
            self.table()?
        };
        crate::commands::print(&text)
    }

    fn table(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        // A rate for a person.
        let rate = (self.seen.packets as f64 / self.seconds.max(0.001)) as u64;
        let row = |out: &mut String, name: &str, amount: &Amount| {
            writeln!(out, "{name:<24}{:>16}{:>20}", amount.packets, amount.bytes)
        };
        writeln!(out, "{:<24}{:>16}{:>20}", "", "packets", "bytes")?;
        row(&mut out, "seen", &self.seen)?;
        row(&mut out, "written", &self.written)?;
        for (reason, amount) in &self.reasons {
            row(&mut out, reason, amount)?;
        }
        self.oddities(&mut out)?;
        writeln!(out, "\n{} records, by label:", self.records)?;
        self.list_labels(&mut out)?;
        let holds = if self.difference == 0 {
            "seen = written + reasons".to_owned()
        } else {
            format!("the books do not hold by {} packets", self.difference)
        };
        writeln!(out, "\n{holds}; {:.2} s, {rate} packets/s", self.seconds)?;
        Ok(out)
    }

    /// What a reader of the files should know.
    fn oddities(&self, out: &mut String) -> std::fmt::Result {
        if self.out_of_order.packets > 0 {
            writeln!(
                out,
                "{} packets are stamped earlier than one before them, by {:.6} s at most; they \
                 count at the later time",
                self.out_of_order.packets,
                self.out_of_order.largest as f64 / 1e9
            )?;
        }
        if self.overflow_packets > 0 {
            writeln!(
                out,
                "{} packets found the flow table full; their flows are in records of half a \
                 second each: --table-size takes more",
                self.overflow_packets
            )?;
        }
        if self.samples_shed > 0 {
            writeln!(
                out,
                "{} of {} payload samples were not looked at: too many flows were undecided at \
                 once, so some labels are by port",
                self.samples_shed, self.samples
            )?;
        }
        Ok(())
    }

    fn list_labels(&self, out: &mut String) -> std::fmt::Result {
        let mut labels: Vec<_> = self.labels.iter().collect();
        labels.sort_by_key(|(label, records)| (std::cmp::Reverse(**records), *label));
        for (label, records) in labels.iter().take(LISTED) {
            writeln!(out, "{label:<30}{records:>10}")?;
        }
        let rest = labels.iter().skip(LISTED);
        let (others, records) = rest.fold((0, 0), |(others, sum), (_, records)| {
            (others + 1, sum + **records)
        });
        if others > 0 {
            writeln!(out, "{:<30}{records:>10}", format!("{others} others"))?;
        }
        Ok(())
    }

    /// Whether everything was read and is somewhere, as exit code 0 says.
    pub(super) fn judge(&self) -> anyhow::Result<()> {
        ensure!(
            self.difference == 0,
            "the books do not hold by {} packets: please report this with the summary above",
            self.difference
        );
        ensure!(
            self.damaged == 0,
            "captures that could not be read to their end: {}; what comes before the damage is written",
            self.damaged
        );
        Ok(())
    }
}

fn add(amount: &mut Amount, tally: Tally) {
    amount.packets += tally.packets;
    amount.bytes += tally.bytes;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_is_a_success_only_when_all_was_read_and_the_books_hold() {
        let mut counted = Counted::default();
        counted.books.seen[0].packets = 3;
        counted.books.reasons[Reason::NotIp as usize].packets = 1;
        counted.unsupported.packets = 1;
        counted.written.packets = 1;
        let mut summary = Summary::default();
        summary.add(&counted);
        assert!(summary.judge().is_ok());
        summary.damaged = 1;
        assert!(summary.judge().is_err());
        counted.written.packets = 0;
        let mut summary = Summary::default();
        summary.add(&counted);
        assert!(
            summary
                .judge()
                .unwrap_err()
                .to_string()
                .contains("by 1 packets")
        );
    }

    #[test]
    fn the_table_lists_every_reason_and_the_largest_labels() {
        let mut summary = Summary::default();
        summary.add(&Counted::default());
        summary.labels = (0..30).map(|n| (format!("Label{n}"), n)).collect();
        let table = summary.table().unwrap();
        for reason in Reason::ALL {
            assert!(table.contains(reason.as_str()), "{table}");
        }
        assert!(table.contains("unsupported_link"));
        assert!(table.contains("Label29") && !table.contains("Label9 "));
        assert!(table.contains("10 others"), "{table}");
    }
}
