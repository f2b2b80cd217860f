//! What a crash left: spools are read, their ids and sums kept.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{
    SinkError,
    entry::{Entry, Ids, Lineage, Row, SpoolId, Totals},
    frame::Frames,
    name::{FileId, FileKind, Node},
};

/// A spool is a few MiB; a larger file is not one of ours.
const MAX_FILE: u64 = 1 << 30;

/// What the spools of a folder hold.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Newest sums of each lineage that was met, in the order in which they were met.
    pub totals: Vec<Totals>,
    /// Bytes behind the last complete frames, cut off.
    pub torn_bytes: u64,
    /// Spools that were found.
    pub spools: usize,
    /// Spools that could not be closed, with why: left as they are.
    pub left: Vec<SinkError>,
    /// Spools that could be read, oldest first.
    pub(super) readable: Vec<FileId>,
    ids: BTreeMap<Lineage, IdSet>,
    /// Of the commit that is being read.
    open_ids: Ids,
    last_commits: Vec<(u64, Lineage, Ids)>,
}

impl Recovered {
    /// Whether the record is in a spool that a crash left.
    #[must_use]
    pub fn holds(&self, lineage: Lineage, id: SpoolId) -> bool {
        self.ids.get(&lineage).is_some_and(|ids| ids.holds(id))
    }

    /// Gives up the ids: by the first rotation the agent has settled what the kernel held.
    pub(crate) fn forget_ids(&mut self) {
        self.ids = BTreeMap::new();
    }

    /// Newest sums of `lineage`.
    #[must_use]
    pub fn totals_of(&self, lineage: Lineage) -> Option<&Totals> {
        self.totals.iter().find(|totals| totals.lineage == lineage)
    }

    /// Records of the last two commits of `lineage`: the kernel's table may still hold them.
    pub(super) fn carried(&self, lineage: Lineage) -> Ids {
        let newest = self.totals_of(lineage).map_or(0, |totals| totals.commit);
        let mut ids = Ids::default();
        for (commit, of, more) in &self.last_commits {
            if *of == lineage && commit + 1 >= newest {
                ids.append(more.clone());
            }
        }
        ids
    }

    /// Takes up one line; a totals line says whose the ids before it are.
    fn take(&mut self, line: &SpoolLine) {
        match line {
            SpoolLine::Row(_) => {}
            SpoolLine::Entry(entry) => self.take_entry(entry),
        }
    }

    fn take_entry(&mut self, entry: &Entry) {
        match entry {
            Entry::Ids(ids) => self.open_ids.append(ids.clone()),
            Entry::Totals(totals) => {
                let mut ids = std::mem::take(&mut self.open_ids);
                ids.append(totals.carried.clone());
                self.ids.entry(totals.lineage).or_default().insert(&ids);
                self.keep_commit((totals.commit, totals.lineage, ids));
                self.keep_totals(*totals.clone());
            }
            _ => {}
        }
    }

    fn keep_commit(&mut self, commit: (u64, Lineage, Ids)) {
        let (number, lineage, _) = commit;
        self.last_commits
            .retain(|(older, of, _)| *of != lineage || older + 1 >= number);
        self.last_commits.push(commit);
    }

    /// Commits and sums only grow, so they tell the newer, whatever the clock did to file names.
    fn keep_totals(&mut self, totals: Totals) {
        let age = |totals: &Totals| (totals.commit, totals.written.flows);
        let known = self
            .totals
            .iter_mut()
            .find(|known| known.lineage == totals.lineage);
        match known {
            Some(known) if age(known) <= age(&totals) => *known = totals,
            Some(_) => {}
            None => self.totals.push(totals),
        }
    }
}

/// Looks at the spools that a crash left in `folder` for `node`; changes nothing.
///
/// # Errors
/// The folder can't be read. A spool that can't be read goes to [`Recovered::left`].
pub fn scan(folder: &Path, node: &Node) -> Result<Recovered, SinkError> {
    let mut recovered = Recovered::default();
    for id in files(folder, node, FileKind::Spool)? {
        recovered.spools += 1;
        let path = folder.join(id.name(node, FileKind::Spool));
        let take = |line: SpoolLine| {
            recovered.take(&line);
            Some(())
        };
        match each_line(&path, take) {
            Ok(torn) => {
                recovered.torn_bytes += torn;
                recovered.readable.push(id);
            }
            Err(error) => recovered.left.push(error),
        }
    }
    Ok(recovered)
}

/// Files of `node` of one kind, oldest first.
pub(super) fn files(folder: &Path, node: &Node, kind: FileKind) -> Result<Vec<FileId>, SinkError> {
    named(folder, |name| {
        let (id, of) = FileId::parse(name, node)?;
        (of == kind).then_some(id)
    })
}

/// What `parse` makes of the names in `folder`, in order.
pub(super) fn named<T: Ord>(
    folder: &Path,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, SinkError> {
    let wrong = |error| SinkError::new("read", folder, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let name = entry.map_err(wrong)?.file_name();
        found.extend(name.to_str().and_then(&parse));
    }
    found.sort_unstable();
    Ok(found)
}

/// A line of a spool.
pub(super) enum SpoolLine {
    Row(Row),
    Entry(Box<Entry>),
}

impl SpoolLine {
    fn parse(line: &str) -> Option<Self> {
        match Row::parse(line) {
            Some(row) => Some(Self::Row(row)),
            None => serde_json::from_str(line)
                .ok()
                .map(Box::new)
                .map(Self::Entry),
        }
    }
}

/// How the line begins that ends a commit.
const TOTALS: &str = r#"{"type":"totals","#;

/// Hands the lines of each complete commit to `take`, which gives `None` for one that can't be;
/// gives the length of the torn tail. Frames without the totals line that ends a commit are part
/// of the tail.
pub(super) fn each_line(
    path: &Path,
    mut take: impl FnMut(SpoolLine) -> Option<()>,
) -> Result<u64, SinkError> {
    let wrong = |error| SinkError::new("read", path, error);
    // The text at fault may be anything, so it is not told.
    let strange = || {
        wrong(io::Error::new(
            io::ErrorKind::InvalidData,
            "not a line of a spool",
        ))
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes))
        .map_err(wrong)?;
    each_commit(&bytes, |text| {
        let mut lines = text.lines().map(SpoolLine::parse);
        lines.try_for_each(|line| line.and_then(&mut take))
    })
    .ok_or_else(strange)
}

/// Hands the texts of each complete commit to `take`; gives the length of what is behind the last.
/// `None` where these bytes are no spool's, or `take` says so.
fn each_commit(bytes: &[u8], mut take: impl FnMut(&str) -> Option<()>) -> Option<u64> {
    let mut frames = Frames::new(bytes);
    let mut torn = frames.torn();
    let mut commit = Vec::new();
    while let Some(text) = frames.next() {
        let last = text.lines().next_back()?;
        let is_end = last.starts_with(TOTALS);
        if !is_end {
            SpoolLine::parse(last)?;
        }
        commit.push(text);
        if is_end {
            commit.drain(..).try_for_each(|text| take(&text))?;
            torn = frames.torn();
        }
    }
    Some(torn)
}

/// Ids by which records are found.
#[derive(Debug, Default)]
struct IdSet {
    /// First ids of ranges, with the last.
    ranges: BTreeMap<u64, u64>,
    parts: std::collections::HashSet<SpoolId>,
}

impl IdSet {
    fn insert(&mut self, ids: &Ids) {
        for &(first, last) in ids.ranges() {
            self.insert_range(first, last);
        }
        self.parts.extend(ids.parts());
    }

    /// Keeps ranges apart: those that touch become one.
    fn insert_range(&mut self, mut first: u64, mut last: u64) {
        while let Some((start, end)) = self.touching(first, last) {
            (first, last) = (first.min(start), last.max(end));
            self.ranges.remove(&start);
        }
        self.ranges.insert(first, last);
    }

    fn touching(&self, first: u64, last: u64) -> Option<(u64, u64)> {
        let mut below = self.ranges.range(..=last.saturating_add(1));
        let (&start, &end) = below.next_back()?;
        (end.saturating_add(1) >= first).then_some((start, end))
    }

    fn holds(&self, id: SpoolId) -> bool {
        if id.part > 0 {
            return self.parts.contains(&id);
        }
        let below = self.ranges.range(..=id.flow).next_back();
        below.is_some_and(|(_, last)| id.flow <= *last)
    }
}

/// Path of a file.
pub(super) fn path(folder: &Path, node: &Node, id: FileId, kind: FileKind) -> PathBuf {
    folder.join(id.name(node, kind))
}
