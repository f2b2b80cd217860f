//! The books over all agents of a soak: what crossed the interface is in a file, alive, under a
//! reason, or known to be lost.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use collector::live::{Amount, Status};
use collector_common::schema::Line;

use crate::{
    binary::{Home, program},
    link::Counters,
    netns::run,
};

/// Late packets find their flow in less, on a quiet wire.
const SETTLES_WITHIN: Duration = Duration::from_secs(20);
/// As in `collector status`: a reading under traffic may be off once.
const IN_A_ROW: u32 = 3;

/// Packets and bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Sum {
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

impl Sum {
    fn add(&mut self, amount: Amount) {
        self.packets += amount.packets;
        self.bytes += amount.bytes;
    }

    fn plus(mut self, amount: Amount) -> Self {
        self.add(amount);
        self
    }
}

/// What one life of the kernel's maps, or several, came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Sums {
    pub(super) ingress: Sum,
    pub(super) egress: Sum,
    /// In no flow, by any reason.
    pub(super) reasons: Sum,
    pub(super) lost_in_crash: Sum,
    /// What no disk took.
    pub(super) unwritten: Sum,
}

impl Sums {
    /// With what an agent says of its maps' life.
    fn with(mut self, status: &Status) -> Self {
        let seen = |hook: &str| status.seen.get(hook).copied().unwrap_or_default();
        self.ingress.add(seen("ingress"));
        self.egress.add(seen("egress"));
        for amount in status.reasons.values() {
            self.reasons.add(*amount);
        }
        self.lost_in_crash.add(status.lost_in_crash);
        self.unwritten.add(status.unwritten);
        self
    }

    /// What must be in files when nothing is alive.
    pub(super) fn in_files(&self) -> Sum {
        let take = |of: fn(&Sum) -> u64| {
            let seen = of(&self.ingress) + of(&self.egress);
            seen - of(&self.reasons) - of(&self.lost_in_crash) - of(&self.unwritten)
        };
        Sum {
            packets: take(|sum| sum.packets),
            bytes: take(|sum| sum.bytes),
        }
    }
}

/// All that was added up so far.
#[derive(Default)]
pub(super) struct Books {
    /// Of maps that were removed by clean stops.
    past: Sums,
    /// Closed files that were read, and what their statistics come to.
    files: BTreeMap<OsString, Sum>,
    /// Looks at which the books held.
    pub(super) looks: u64,
    /// Readings that had to be repeated.
    pub(super) repeated: u64,
    /// Exact comparisons on a quiet wire.
    pub(super) exact: u64,
    /// Exact comparisons of all files, behind a clean stop.
    pub(super) audited: u64,
}

impl Books {
    /// A reading under traffic; the books hold.
    ///
    /// # Errors
    /// No agent answers, or the books don't hold.
    pub(super) fn look(&mut self, home: &Home) -> Result<Status> {
        for _ in 0..IN_A_ROW {
            let status = home.status()?;
            if status.balance.holds() {
                self.looks += 1;
                return Ok(status);
            }
            self.repeated += 1;
            thread::sleep(Duration::from_millis(200));
        }
        anyhow::bail!(
            "the books don't hold, {IN_A_ROW} times: {:?}",
            home.status()?.balance
        )
    }

    /// A reading while nothing is sent: each packet that the interface counted (since `counted`
    /// was nothing) was seen, and is in a record, alive, under a reason or lost in a crash.
    ///
    /// # Errors
    /// It is not.
    pub(super) fn look_exactly(
        &mut self,
        home: &Home,
        counted: impl Fn() -> Result<Counters>,
    ) -> Result<Status> {
        let start = Instant::now();
        loop {
            let status = home.status()?;
            let wrong = self.wrong(&status, &counted()?);
            if wrong.is_empty() {
                self.exact += 1;
                return Ok(status);
            }
            ensure!(
                start.elapsed() < SETTLES_WITHIN,
                "on a quiet wire: {}; {status:?}",
                wrong.join(", ")
            );
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn wrong(&self, status: &Status, counted: &Counters) -> Vec<String> {
        let all = self.past.with(status);
        let own = Sums::default().with(status);
        let metered = own.in_files();
        let found = Sum::default().plus(status.written).plus(status.live);
        let unwritten = own.unwritten;
        let pairs = [
            ("ingress", counted.rx_packets, all.ingress.packets),
            (
                "egress",
                counted.tx_packets + counted.tx_dropped,
                all.egress.packets,
            ),
            (
                "metered packets",
                metered.packets + unwritten.packets,
                found.packets,
            ),
            (
                "metered bytes",
                metered.bytes + unwritten.bytes,
                found.bytes,
            ),
            ("difference", 0, status.balance.difference),
        ];
        let wrong = pairs.iter().filter(|(_, wanted, found)| wanted != found);
        wrong
            .map(|(what, wanted, found)| format!("{what} {found}, not {wanted}"))
            .collect()
    }

    /// Before a clean stop, which removes the maps: what the agent said last.
    pub(super) fn end_of_maps(&mut self, status: &Status) {
        self.past = self.past.with(status);
    }

    /// Behind a clean stop: everything is in files.
    ///
    /// # Errors
    /// It is not, or a file is not as it should be.
    pub(super) fn compare_files(&mut self, home: &Home) -> Result<()> {
        ensure!(
            home.spools().is_empty(),
            "a spool stayed: {:?}",
            home.spools()
        );
        self.read_files(home)?;
        let mut found = Sum::default();
        for sum in self.files.values() {
            found.packets += sum.packets;
            found.bytes += sum.bytes;
        }
        let wanted = self.past.in_files();
        ensure!(found == wanted, "{found:?} in files, {wanted:?} expected");
        self.audited += 1;
        Ok(())
    }

    /// Reads what was closed since the last call: the `zstd` tool and the audit pass it.
    ///
    /// # Errors
    /// They don't.
    pub(super) fn read_files(&mut self, home: &Home) -> Result<()> {
        for path in home.files() {
            let name = path.file_name().unwrap_or_default().to_owned();
            if self.files.contains_key(&name) {
                continue;
            }
            run(Command::new("zstd").args(["--quiet", "--test"]).arg(&path))?;
            run(program().arg("audit").arg(&path))?;
            let sum = statistics(&path).with_context(|| path.display().to_string())?;
            self.files.insert(name, sum);
        }
        Ok(())
    }

    /// How many files were read.
    pub(super) fn files(&self) -> usize {
        self.files.len()
    }

    /// Of maps that were removed by clean stops.
    pub(super) fn past(&self) -> &Sums {
        &self.past
    }
}

/// The exact sums of a closed file; none in day files, which tell the same flows again.
fn statistics(path: &Path) -> Result<Sum> {
    let mut sum = Sum::default();
    let lines = BufReader::new(zstd::Decoder::new(File::open(path)?)?).lines();
    for line in lines {
        if let Line::Statistics(line) = serde_json::from_str(&line?)? {
            sum.packets += line.all.packets;
            sum.bytes += line.all.bytes;
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(packets: u64) -> Amount {
        Amount {
            packets,
            bytes: packets * 60,
        }
    }

    fn status(lost: u64) -> Status {
        let mut status = Status {
            written: amount(70),
            live: amount(20 - lost),
            lost_in_crash: amount(lost),
            unwritten: amount(5),
            ..Status::default()
        };
        status.seen.insert("ingress".to_owned(), amount(60));
        status.seen.insert("egress".to_owned(), amount(40));
        status.reasons.insert("malformed".to_owned(), amount(10));
        status
    }

    fn counted(rx_packets: u64) -> Counters {
        Counters {
            rx_packets,
            tx_packets: 39,
            tx_dropped: 1,
            ..Counters::default()
        }
    }

    #[test]
    fn what_crossed_the_interface_is_somewhere_over_all_agents() {
        let mut books = Books::default();
        assert_eq!(books.wrong(&status(3), &counted(60)), [""; 0]);
        books.end_of_maps(&status(3));
        assert_eq!(books.past.in_files().packets, 100 - 10 - 3 - 5);
        let twice = Counters {
            tx_packets: 79,
            ..counted(120)
        };
        assert_eq!(books.wrong(&status(0), &twice), [""; 0]);
    }

    #[test]
    fn a_packet_too_few_or_twice_shows() {
        let books = Books::default();
        assert_eq!(books.wrong(&status(3), &counted(61)).len(), 1);
        let twice = Status {
            live: amount(18),
            ..status(3)
        };
        assert_eq!(books.wrong(&twice, &counted(60)).len(), 2);
    }
}
