//! How long closed files stay.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use super::{
    SinkError,
    disk::{Disk, Space},
    name::{FileId, FileKind, Node, parse_day},
    recover::{files, named, path},
};

/// A clock that jumps ahead makes every file look old. So age removes nothing before files show that
/// the clock has gone on for a day without a gap: of more than two days, since files are a day apart at
/// most.
const STEADY: SignedDuration = SignedDuration::from_hours(24);
const GAP: SignedDuration = SignedDuration::from_hours(48);

/// Limits on closed files of one node; what passes them goes, oldest first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retention {
    /// Age of a file by its name.
    pub max_age: Duration,
    /// Bytes of all files.
    pub max_bytes: u64,
    /// Per cent of the disk that stay free: below, older files of flows go (the newest stays) and
    /// nothing is written.
    pub min_free_percent: u8,
    /// Files go at all.
    pub removes: bool,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(90 * 24 * 3600),
            max_bytes: 5 << 30,
            min_free_percent: 5,
            removes: true,
        }
    }
}

impl Retention {
    /// Keeps every file, as a replay must, whose files are as old as its captures; the room that
    /// is to stay free still is not written to.
    #[must_use]
    pub fn keeps_all() -> Self {
        Self {
            removes: false,
            ..Self::default()
        }
    }

    /// Whether the disk has the room that is to stay free.
    pub(super) fn has_room(&self, space: Space) -> bool {
        let wanted = u128::from(space.total) * u128::from(self.min_free_percent) / 100;
        u128::from(space.available) >= wanted
    }
}

/// Files that went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Removed {
    fn take(&mut self, file: &Stored) -> Result<(), SinkError> {
        let path = &file.path;
        fs::remove_file(path).map_err(|error| SinkError::new("remove", path, error))?;
        self.files += 1;
        self.bytes += file.bytes;
        Ok(())
    }
}

/// A closed file.
struct Stored {
    path: PathBuf,
    start: Timestamp,
    bytes: u64,
}

/// Removes what passes `limits` at `now`. Day files go last, and never for want of room: they are
/// small, and have all sums of files that went, by hour and leg too.
pub(super) fn apply(
    folder: &Path,
    node: &Node,
    now: Timestamp,
    limits: &Retention,
    disk: &dyn Disk,
) -> Result<Removed, SinkError> {
    let mut removed = Removed::default();
    if !limits.removes {
        return Ok(removed);
    }
    let flows = flow_files(folder, node)?;
    let days = day_files(folder, node)?;
    let of = |files: &[Stored]| files.iter().map(|file| file.bytes).sum::<u64>();
    let mut kept = of(&flows) + of(&days);
    let steady = is_steady(&flows, now);
    let age = SignedDuration::try_from(limits.max_age).unwrap_or(SignedDuration::MAX);
    for files in [flows, days] {
        for file in &files {
            let old = steady && now.duration_since(file.start) > age;
            if !(old || kept > limits.max_bytes) {
                break;
            }
            removed.take(file)?;
            kept -= file.bytes;
        }
    }
    make_room(folder, node, limits, disk, &mut removed)?;
    Ok(removed)
}

/// Whether `files`, oldest first, show that the clock came to `now` without a jump.
fn is_steady(files: &[Stored], now: Timestamp) -> bool {
    let mut since = now;
    for file in files.iter().rev().filter(|file| file.start <= now) {
        if since.duration_since(file.start) > GAP {
            break;
        }
        since = file.start;
    }
    now.duration_since(since) >= STEADY
}

/// Removes the oldest files of flows until the disk has the room that is to stay free, or one is
/// left. True when it has.
pub(super) fn make_room(
    folder: &Path,
    node: &Node,
    limits: &Retention,
    disk: &dyn Disk,
    removed: &mut Removed,
) -> Result<bool, SinkError> {
    let has_room = || {
        let space = disk.space(folder);
        let space = space.map_err(|error| SinkError::new("ask for the room of", folder, error));
        space.map(|space| limits.has_room(space))
    };
    if has_room()? {
        return Ok(true);
    }
    let mut files = Vec::new();
    if limits.removes {
        files = flow_files(folder, node)?;
    }
    files.pop();
    for file in &files {
        removed.take(file)?;
        if has_room()? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Oldest first.
fn flow_files(folder: &Path, node: &Node) -> Result<Vec<Stored>, SinkError> {
    let files = files(folder, node, FileKind::Closed)?;
    let stored = |id: FileId| Stored::of(path(folder, node, id, FileKind::Closed), id.start);
    Ok(files.into_iter().map(stored).collect())
}

/// Oldest first.
fn day_files(folder: &Path, node: &Node) -> Result<Vec<Stored>, SinkError> {
    let days = named(folder, |name| {
        Some((name.to_owned(), parse_day(name, node)?))
    })?;
    let stored = |(name, day): (String, Date)| {
        let start = day.to_zoned(TimeZone::UTC).map(|day| day.timestamp());
        Stored::of(folder.join(name), start.unwrap_or_default())
    };
    Ok(days.into_iter().map(stored).collect())
}

impl Stored {
    fn of(path: PathBuf, start: Timestamp) -> Self {
        let bytes = fs::metadata(&path).map_or(0, |found| found.len());
        Self { path, start, bytes }
    }
}
