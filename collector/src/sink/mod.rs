//! From published records to files: a spool of complete, synced frames, then a closed file.
//!
//! A commit is one write of one or more frames, of which the last ends with a totals line.

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

use collector_common::{
    schema::{Anomaly, Counters, Geo, Header, Relay, Volume},
    wire::Tally,
};
use jiff::Timestamp;

mod anomalies;
mod close;
mod content;
mod days;
pub mod disk;
pub mod entry;
pub(crate) mod frame;
pub(crate) mod fuzz;
mod hours;
pub mod name;
mod queue;
pub mod recover;
pub mod retention;
mod spool;
mod tell;
pub mod trouble;
pub mod whole;

use close::Closer;
pub(crate) use days::name as word;
use days::{State, day_of};
use disk::Disk;
pub(crate) use entry::push_json;
use entry::{Entered, Entry, Ids, Lineage, SpoolId, Totals};
use name::{FileId, FileKind, Node};
use queue::Queue;
use recover::Recovered;
use retention::{Removed, Retention};
use spool::Spool;
use trouble::{Trouble, Undone};
use whole::WholeFile;

use crate::anonymize::budget::Budget;

/// A file could not be written, read, renamed or removed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {reason}", path.display())]
pub struct SinkError {
    action: &'static str,
    path: PathBuf,
    // Not `source`: whoever prints the chain of causes would say it twice.
    reason: io::Error,
}

impl SinkError {
    pub(crate) fn new(action: &'static str, path: &Path, reason: io::Error) -> Self {
        Self {
            action,
            path: path.to_owned(),
            reason,
        }
    }
}

/// Passes over the flow table by the end of which a cut is settled in it: the one that made it, the
/// next, and one more where the iterator left it out.
pub(crate) const PASSES_TO_SETTLE: usize = 3;

/// Limits of spools and files.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A spool is closed at this age.
    pub spool_age: Duration,
    /// Or with this many bytes of text: closing holds them in memory.
    pub spool_text: u64,
    /// Bytes of records that wait while the disk takes nothing; beyond, they count as unwritten.
    pub queue: usize,
    /// How long closed files stay.
    pub retention: Retention,
}

impl Limits {
    /// Of a spool, nanoseconds.
    fn age(&self) -> u64 {
        u64::try_from(self.spool_age.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            spool_age: Duration::from_secs(3600),
            spool_text: 64 << 20,
            queue: 16 << 20,
            retention: Retention::default(),
        }
    }
}

/// Where and how to write.
#[derive(Clone, Debug)]
pub struct SinkConfig {
    /// Made with mode 0700 if absent.
    pub folder: PathBuf,
    /// In file names.
    pub node: Node,
    /// First line of every file.
    pub header: Header,
    /// Life of the kernel's maps whose records are written.
    pub lineage: Lineage,
    /// Failed flows get lines too, instead of counters.
    pub write_failed: bool,
    /// Nobody goes on where this sink ends: days are told though they are not over.
    pub ends: bool,
    /// Bounds.
    pub limits: Limits,
}

/// Sums that others know and every frame tells, since the lineage began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// Late and overflow packets that were written without ever being in the kernel's table.
    pub late_written: Tally,
    /// Late and overflow packets that a crash swallowed.
    pub lost_in_crash: Tally,
    /// What was seen, and is in no record.
    pub counters: Counters,
}

/// The moment of a call: nanoseconds since boot, and what that is in UTC.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Nanoseconds since boot.
    pub boot: u64,
    /// The same moment.
    pub utc: Timestamp,
}

/// Writes records.
#[derive(Debug)]
pub struct Sink {
    config: SinkConfig,
    disk: Box<dyn Disk>,
    spool: Spool,
    queue: Queue,
    /// With everything that is queued.
    totals: Totals,
    /// As the last commit told them.
    told: Totals,
    /// Cuts of the last passes, this one's first.
    cuts: [Ids; PASSES_TO_SETTLE],
    failing: bool,
    to_close: Vec<FileId>,
    state: State,
    /// The spool's header no longer holds.
    outdated: bool,
    removed: Removed,
    /// The first day that may have been metered and is not noted, days since the epoch.
    metered: i64,
    /// Flows of periods that were released before.
    dropped: u64,
}

impl Sink {
    /// Makes the folder, takes up what a crash left there, opens a spool, and closes the spools
    /// that were left.
    ///
    /// # Errors
    /// The folder can't be made, read or written, or the budget of noise in it is damaged. A spool of a crash that can't be closed is no
    /// error: it stays, and [`Recovered::left`] says why.
    pub fn open(
        config: SinkConfig,
        disk: Box<dyn Disk>,
        now: Moment,
    ) -> Result<(Self, Recovered), SinkError> {
        make_folder(&config.folder)?;
        let (folder, node) = (&config.folder, &config.node);
        if config.header.dp.is_some() {
            Budget::new(folder, node).check()?;
        }
        for id in recover::files(folder, node, FileKind::Part)? {
            drop(std::fs::remove_file(recover::path(
                folder,
                node,
                id,
                FileKind::Part,
            )));
        }
        let mut recovered = recover::scan(folder, node)?;
        let state = State::read(folder, node)?;
        let totals = sums_of(config.lineage, &recovered);
        let carried = recovered.carried(config.lineage);
        let mut disk = disk;
        let spool = new_spool(&config, &totals, carried.clone(), now, &mut *disk)?;
        let mut cuts = <[Ids; PASSES_TO_SETTLE]>::default();
        cuts[0] = carried;
        let mut sink = Self {
            told: totals.clone(),
            cuts,
            config,
            disk,
            spool,
            queue: Queue::default(),
            totals,
            failing: false,
            to_close: recovered.readable.clone(),
            state,
            outdated: false,
            removed: Removed::default(),
            metered: day_of(now.utc.as_second() / 60),
            dropped: 0,
        };
        recovered
            .left
            .extend(sink.close_old(now.utc, After::NextFile).err());
        Ok((sink, recovered))
    }

    /// Takes a record. With an `id` the spool knows it for good.
    pub fn write(&mut self, id: Option<SpoolId>, record: Entered) {
        let sum = record.size.sum;
        if self.failing && self.queue.bytes() >= self.config.limits.queue {
            self.totals.unwritten.add(sum);
            return;
        }
        if let Some(id) = id.filter(|_| record.is_cut()) {
            self.cuts[0].push(id);
        }
        let has_line = !record.kind.traits.failed || self.config.write_failed;
        let as_row = has_line && self.config.header.level.has_flows();
        self.queue.push(id, record, as_row);
        self.totals.written.add(sum);
    }

    /// Takes anomalies; a level without statistics does not tell them.
    pub fn note(&mut self, anomalies: &[Anomaly]) {
        if self.config.header.level.has_flows() {
            self.queue.note(anomalies);
        }
    }

    /// Writes what waits, ends it with the sums so far and syncs it: a crash leaves all of it or
    /// nothing. Writes nothing when nothing changed.
    ///
    /// # Errors
    /// The disk took nothing: records wait in memory, up to [`Limits::queue`], for the next
    /// commit, and are lost only by a crash.
    pub fn commit(&mut self, outside: Outside) -> Result<(), Trouble> {
        self.totals.late_written = Volume::from(outside.late_written);
        self.totals.lost_in_crash = Volume::from(outside.lost_in_crash);
        self.totals.counters = Counters {
            lost_in_crash: self.totals.lost_in_crash,
            unwritten: self.totals.unwritten,
            ..outside.counters
        };
        if self.queue.is_empty() && !self.totals.moved_since(&self.told) {
            return Ok(());
        }
        let flushed = self.flush();
        self.failing = flushed.is_err();
        flushed.map_err(Undone::Written.by())
    }

    /// Writes what a commit leaves for the next one: what was seen, and is in no record.
    ///
    /// # Errors
    /// The disk took nothing, and what waits still waits.
    pub fn settle(&mut self) -> Result<(), Trouble> {
        if self.queue.is_empty() && self.totals == self.told {
            return Ok(());
        }
        self.flush().map_err(Undone::Written.by())
    }

    /// Countries come from other data now, or relays have changed: the spool is closed, since its
    /// header tells of them.
    pub fn set_surroundings(&mut self, geo: Option<Geo>, relays: Vec<Relay>) {
        let header = &mut self.config.header;
        self.outdated |= header.geo != geo || header.relays != relays;
        (header.geo, header.relays) = (geo, relays);
    }

    /// From now on, files are closed and removed by these limits, and failed flows get lines or not.
    pub fn set_limits(&mut self, limits: Limits, write_failed: bool) {
        self.config.limits = limits;
        self.config.write_failed = write_failed;
    }

    /// So many rules exclude now: the spool is closed, since its header tells of them.
    pub fn set_exclusions(&mut self, rules: usize) {
        let rules = u32::try_from(rules).unwrap_or(u32::MAX);
        let header = &mut self.config.header;
        self.outdated |= std::mem::replace(&mut header.exclusions, rules) != rules;
    }

    /// What files begin with.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.config.header
    }

    /// Whether the spool is old or large enough to be closed, or its header no longer holds.
    #[must_use]
    pub fn should_rotate(&self, now: u64) -> bool {
        let limits = &self.config.limits;
        self.outdated || self.spool.is_due(now, limits.age(), limits.spool_text)
    }

    /// Whether the spool is old enough to be closed, should there be anything in it.
    #[must_use]
    pub fn is_old(&self, now: u64) -> bool {
        self.spool.is_old(now, self.config.limits.age())
    }

    /// The flow table has been walked over once more.
    pub fn pass_over(&mut self) {
        self.cuts.rotate_right(1);
        self.cuts[0] = Ids::default();
    }

    /// Writes records of another life of maps from now on, in the next spool: nothing may wait.
    ///
    /// # Errors
    /// As [`Sink::rotate`].
    pub fn go_on_as(
        &mut self,
        lineage: Lineage,
        recovered: &Recovered,
        now: Moment,
    ) -> Result<(), Trouble> {
        if lineage == self.totals.lineage {
            return Ok(());
        }
        self.settle()?;
        self.config.lineage = lineage;
        self.told = sums_of(lineage, recovered);
        self.totals = self.told.clone();
        self.cuts = Default::default();
        self.cuts[0] = recovered.carried(lineage);
        self.rotate(now)
    }

    /// Opens the next spool and closes this one, and those that could not be closed before. Not
    /// within a pass over the flow table: the next spool knows no ids but those of cuts.
    ///
    /// # Errors
    /// What waits can't be written, or the next spool can't be made: then nothing has changed. Or a
    /// spool can't be closed: the next call tries again.
    pub fn rotate(&mut self, now: Moment) -> Result<(), Trouble> {
        self.stay_in_place().map_err(Undone::Begun.by())?;
        // It names kinds that this spool was told.
        if !self.queue.is_empty() {
            self.flush().map_err(Undone::Written.by())?;
        }
        let mut carried = Ids::default();
        let cuts = self.cuts.iter().cloned();
        cuts.for_each(|cuts| carried.append(cuts));
        let next = new_spool(&self.config, &self.told, carried, now, &mut *self.disk)
            .map_err(Undone::Begun.by())?;
        let before = std::mem::replace(&mut self.spool, next);
        self.queue.forget_kinds();
        self.outdated = false;
        self.to_close.push(before.id);
        self.close_old(now.utc, After::NextFile)
    }

    /// Writes what still waits and closes the spool for good.
    ///
    /// # Errors
    /// What waits can't be written, or the spool can't be closed: it stays and the next start
    /// closes it. Or the sink ends, and some of its flows were released before.
    pub fn close(mut self, now: Timestamp) -> Result<(), SinkError> {
        self.settle().map_err(|trouble| trouble.error)?;
        self.stay_in_place()?;
        self.to_close.push(self.spool.id);
        self.close_old(now, After::Nothing)
            .map_err(|trouble| trouble.error)?;
        if self.config.ends && self.dropped > 0 {
            let reason = format!(
                "{} are of days that were released before; use another folder for other flows",
                self.dropped
            );
            let reason = io::Error::new(io::ErrorKind::AlreadyExists, reason);
            return Err(SinkError::new(
                "tell all flows in",
                &self.config.folder,
                reason,
            ));
        }
        Ok(())
    }

    /// Sums since the lineage began, queued records included.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The spool was removed and could not be written anew.
    #[must_use]
    pub fn is_homeless(&self) -> bool {
        self.failing && self.spool.is_removed()
    }

    /// Bytes of records that are in no frame yet.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.bytes()
    }

    /// When the spool that is written was begun, nanoseconds since boot.
    #[must_use]
    pub fn spool_opened(&self) -> u64 {
        self.spool.opened
    }

    /// Spools that wait to be closed.
    #[must_use]
    pub fn spools_waiting(&self) -> usize {
        self.to_close.len()
    }

    /// Bytes of records that may wait while the disk takes nothing.
    #[must_use]
    pub fn queue_limit(&self) -> usize {
        self.config.limits.queue
    }

    /// Closed files that went by age, size or room, since the start.
    #[must_use]
    pub fn removed(&self) -> Removed {
        self.removed
    }

    /// Where the folder was taken away the spool is written anew: nothing of it is lost.
    fn stay_in_place(&mut self) -> Result<(), SinkError> {
        if self.spool.is_in_place() {
            return Ok(());
        }
        make_folder(&self.config.folder)?;
        self.spool.write_anew(&mut *self.disk)?;
        tracing::warn!(
            "the spool had gone from {}, and was written there anew",
            self.config.folder.display()
        );
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.stay_in_place()?;
        let limits = &self.config.limits;
        let folder = &self.config.folder;
        let (node, kept) = (&self.config.node, &limits.retention);
        if !retention::make_room(folder, node, kept, &*self.disk, &mut self.removed)? {
            let error = io::Error::from(io::ErrorKind::StorageFull);
            return Err(SinkError::new(
                "write below the free room of",
                folder,
                error,
            ));
        }
        let (frames, text) = self
            .queue
            .frames(&self.totals)
            .map_err(|error| SinkError::new("compress for", folder, error))?;
        self.spool
            .append(&frames, text, limits.spool_text, &mut *self.disk)?;
        self.totals.commit += 1;
        self.told = self.totals.clone();
        self.queue.clear();
        Ok(())
    }

    /// Closes what waits, tells the days that are over, then looks after retention. Goes on after
    /// a failure; tells the first.
    fn close_old(&mut self, now: Timestamp, after: After) -> Result<(), Trouble> {
        let mut first = self.note_days(now).map_err(Undone::Told.by());
        let (folder, node) = (&self.config.folder, &self.config.node);
        let newest = self.to_close.last().copied();
        let mut closer = Closer {
            folder,
            node,
            disk: &mut *self.disk,
            state: &mut self.state,
            last: false,
        };
        self.to_close.retain(|id| {
            closer.last = after == After::Nothing && Some(*id) == newest;
            let closed = closer.close(*id);
            let failed = closed.is_err();
            first = std::mem::replace(&mut first, Ok(())).and(closed.map_err(Undone::Closed.by()));
            failed
        });
        if self.to_close.is_empty() {
            let ends = after == After::Nothing && self.config.ends;
            let until = if ends { i64::MAX } else { over(now) };
            closer.state.counted.clear();
            let told = match closer.state.header.clone() {
                // Counted at another level, days are told at that, though they may not be over.
                Some(before) if !is_alike(&before, &self.config.header) => {
                    closer.tell_days(&before, i64::MAX)
                }
                _ => closer.tell_days(&self.config.header, until),
            };
            let told = told.map(|dropped| self.dropped += dropped);
            first = first.and(told.map_err(Undone::Told.by()));
        }
        let limits = &self.config.limits.retention;
        let removed = retention::apply(folder, node, now, limits, &*self.disk);
        first.and(removed.map_err(Undone::Removed.by()).map(|removed| {
            self.removed.files += removed.files;
            self.removed.bytes += removed.bytes;
        }))
    }

    /// With noise a period is released because a meter ran, not because there were flows: else the
    /// file itself would tell that there were some.
    fn note_days(&mut self, now: Timestamp) -> Result<(), SinkError> {
        let today = day_of(now.as_second() / 60);
        if self.config.header.dp.is_none() || self.config.ends || self.metered > today {
            return Ok(());
        }
        for day in self.metered..=today {
            self.state.day(day);
        }
        self.metered = today + 1;
        let (folder, node) = (&self.config.folder, &self.config.node);
        self.state.write(folder, node, &mut *self.disk)
    }
}

/// Whether days are told alike under both.
fn is_alike(one: &Header, other: &Header) -> bool {
    (one.level, one.k, &one.dp) == (other.level, other.k, &other.dp)
}

/// What follows the spools that are closed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    NextFile,
    /// A clean stop.
    Nothing,
}

/// Minutes after its end at which all flows of a day are in closed spools: they are written within
/// the active timeout, and their spool is closed an hour later.
const DAY_GRACE: i64 = 150;

/// The first day that is not over at `now`, in days since the epoch.
fn over(now: Timestamp) -> i64 {
    day_of(now.as_second() / 60 - DAY_GRACE)
}

/// Newest sums of `lineage` that a crash left; all zero where there are none.
fn sums_of(lineage: Lineage, recovered: &Recovered) -> Totals {
    Totals {
        lineage,
        ..recovered.totals_of(lineage).cloned().unwrap_or_default()
    }
}

/// Makes `folder`, mode 0700, where it is absent.
pub(crate) fn make_folder(folder: &Path) -> Result<(), SinkError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| SinkError::new("create", folder, error))
}

/// A spool whose first frame says what it is and carries on the sums of the one before.
fn new_spool(
    config: &SinkConfig,
    totals: &Totals,
    carried: Ids,
    now: Moment,
    disk: &mut dyn Disk,
) -> Result<Spool, SinkError> {
    let mut text = String::new();
    push_json(&mut text, &Entry::Header(config.header.clone()));
    let totals = Totals {
        carried,
        ..totals.clone()
    };
    push_json(&mut text, &Entry::Totals(Box::new(totals)));
    Spool::create(
        &config.folder,
        &config.node,
        (now.utc, now.boot),
        &text,
        disk,
    )
}

#[cfg(test)]
mod tests;
