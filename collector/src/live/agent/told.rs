//! What the agent tells those who ask.

use collector_common::{
    books::{Books, Reason},
    schema::Level,
};

use super::{
    super::{
        conservation::{Amount, Balance, Status, by_hook, by_reason},
        sys,
    },
    Agent,
    watch::found_full,
};
use crate::{
    anomalies::Ongoing,
    anonymize::promise::promise,
    pipeline::Tap,
    watching::{
        health::{Fill, Glance, Health, Losses, Output},
        page,
    },
};

/// Values of each dimension that `collector top` gets: more than any terminal shows.
const MOST_ROWS: usize = 100;
/// Per cent of the table beyond which it is told as a trouble.
const NEARLY_FULL: u64 = 90;

impl<T: Tap> Agent<T> {
    /// Everything about the agent at this moment; walks the table.
    ///
    /// # Errors
    /// Those of the system calls.
    pub fn status(&mut self) -> anyhow::Result<Status> {
        self.host.refresh()?;
        let before = Books::sum(&self.kernel.books.read()?);
        let (flows, live) = self.kernel.flows.live()?;
        let after = Books::sum(&self.kernel.books.read()?);
        self.gauges.counted(flows, &after);
        let taken = self.taken();
        let now = sys::boot_time();
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            interfaces: self.interfaces(),
            hooks: self
                .hooks
                .iter()
                .map(|hook| hook.describe(self.host.name(hook.interface)))
                .collect(),
            rights: self.rights.clone(),
            uptime: self.uptime(now),
            promise: promise(self.pipeline.header()),
            header: self.pipeline.header().clone(),
            consensus: self.consensus_at(self.wall_clock().utc(now)),
            live_flows: flows,
            table_size: self.options.table_size.into(),
            sweep: self.sweeps,
            live: live.into(),
            written: taken.written.into(),
            unwritten: self.unwritten().into(),
            flows_written: self.flows_written(),
            seen: by_hook(&after.seen),
            seen_since_start: by_hook(&self.watch.seen(&after)),
            interface: by_hook(&self.watch.interface_counters(self.host.interfaces())),
            packets_per_second: self.gauges.packets_per_second(),
            reasons: by_reason(&after),
            late: after.apart().into(),
            late_settled: after.settled.into(),
            late_written: taken.late_written.into(),
            lost_in_crash: Amount::from(self.lost_in_crash),
            overflow: found_full(&after),
            lost_in_upgrade: self.lost_in_upgrade,
            host: self.host.changes(),
            samples: after.samples,
            samples_lost: after.samples_lost,
            anomalies: self.pipeline.anomalies(now),
            samples_shed: self.pipeline.samples_shed(),
            balance: Balance::of(&before, &after, live, &taken),
            health: self.health(),
        })
    }

    /// What `collector top` shows; cheap.
    pub fn glance(&mut self) -> Glance {
        Glance {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            interfaces: self.interfaces(),
            level: self.level(),
            uptime: self.uptime(sys::boot_time()),
            rates: self.gauges.rates(),
            health: self.health(),
            traffic: self.pipeline.view().rows(MOST_ROWS),
        }
    }

    /// The metrics page; cheap.
    ///
    /// # Errors
    /// None that a string gives.
    pub fn page(&mut self) -> Result<String, std::fmt::Error> {
        let health = self.health();
        let started = self.wall_clock().utc(self.started).as_millisecond();
        let has_noise = self.pipeline.header().dp.is_some();
        page::text(page::Facts {
            version: env!("CARGO_PKG_VERSION"),
            // Exact up to 2^53 milliseconds.
            started: started as f64 / 1e3,
            books: &self.gauges.books(),
            health: &health,
            told: (!has_noise).then_some(&self.told),
        })
    }

    /// In some words, for the service manager.
    #[must_use]
    pub fn words(&self) -> String {
        let table = self.gauges.table.fill();
        let troubles = self.troubles();
        let troubles = troubles.first().map_or("all is well", String::as_str);
        format!(
            "{} packets/s, {} flows of {}; {troubles}",
            self.gauges.packets_per_second(),
            table.now,
            table.size,
        )
    }

    fn interfaces(&self) -> Vec<String> {
        let interfaces = self.host.interfaces();
        interfaces.map(|one| one.name.clone()).collect()
    }

    fn level(&self) -> Level {
        self.pipeline.header().level
    }

    fn uptime(&self, now: u64) -> u64 {
        now.saturating_sub(self.started) / 1_000_000_000
    }

    fn health(&mut self) -> Health {
        let rings = self.gauges.rings.iter();
        let rings = rings.map(|(name, gauge)| (name.clone(), gauge.fill()));
        Health {
            table: self.gauges.table.fill(),
            rings: rings.collect(),
            losses: self.losses(),
            output: self.output(),
            troubles: self.troubles(),
            process: self.gauges.process.look(),
        }
    }

    fn losses(&self) -> Losses {
        let books = self.gauges.books();
        Losses {
            samples: books.samples_lost,
            samples_shed: self.pipeline.samples_shed(),
            overflow: books.reasons[Reason::OverflowLost as usize].packets,
            late: books.reasons[Reason::LateLost as usize].packets,
            in_crash: self.lost_in_crash.packets,
            unwritten: self.unwritten().packets,
        }
    }

    fn output(&self) -> Output {
        let sink = self.pipeline.sink();
        let (removed, queued) = (sink.removed(), sink.queued() as u64);
        let age = sys::boot_time().saturating_sub(sink.spool_opened());
        Output {
            queue: Fill {
                now: queued,
                peak: self.gauges.queue_peak.max(queued),
                size: sink.queue_limit() as u64,
            },
            failing: self.disk.is_failing(),
            spool_age: age / 1_000_000_000,
            spools_waiting: sink.spools_waiting() as u64,
            files_removed: removed.files,
            bytes_removed: removed.bytes,
        }
    }

    /// What is wrong, worst first.
    fn troubles(&self) -> Vec<String> {
        let minute = |counter: fn(&Books) -> u64| self.gauges.of_minute(counter);
        let lost = |reason: Reason| {
            self.gauges
                .of_minute(|books| books.reasons[reason as usize].packets)
        };
        let table = self.gauges.table.fill();
        let nearly_full = table.now * 100 >= table.size * NEARLY_FULL;
        let stale = self.consensus_at(self.wall_clock().utc(sys::boot_time()));
        let stale = stale.iter().filter(|consensus| consensus.is_stale).count();
        let waiting = self.pipeline.sink().spools_waiting();
        let counted = [
            (
                self.unwritten().packets,
                "packets are in no file: the disk took nothing for too long",
            ),
            (
                lost(Reason::OverflowLost),
                "packets lost in the last minute: table and ring full",
            ),
            (
                lost(Reason::LateLost),
                "packets of closing flows lost in the last minute",
            ),
            (
                minute(found_full),
                "packets found the table full in the last minute",
            ),
            (waiting as u64, "spools can't be closed"),
            (
                minute(|books| books.samples_lost),
                "payload samples lost in the last minute",
            ),
            (
                self.gauges.shed_in_minute(),
                "payload samples not looked at in the last minute",
            ),
            (stale as u64, "consensus files are out of date"),
            (
                self.lost_in_crash.packets,
                "packets were lost when an agent was killed",
            ),
        ];
        let failing = self
            .disk
            .is_failing()
            .then(|| "the disk takes nothing; records wait".to_owned());
        let counted = counted.iter().filter(|(count, _)| *count > 0);
        let mut troubles: Vec<String> = failing.into_iter().collect();
        troubles.extend(counted.map(|(count, words)| format!("{count} {words}")));
        let anomalies = self.pipeline.anomalies(sys::boot_time());
        let going_on = |it: &Ongoing| format!("{}: {} going on", it.traits, it.number);
        troubles.extend(anomalies.iter().map(going_on));
        if nearly_full {
            troubles.push(format!(
                "the table is nearly full: {} of {}",
                table.now, table.size
            ));
        }
        troubles
    }
}
