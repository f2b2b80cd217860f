//! What a crash left: spools are read, their ids and sums kept.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use collector_common::schema::{Header, Line, Lineage, SpoolId, Totals};

use super::{
    SinkError,
    frame::Frames,
    ledger::Ledger,
    name::{FileId, Kind, Node},
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
    ids: HashSet<(Lineage, SpoolId)>,
    /// Of the commit that is being read.
    open_ids: Vec<SpoolId>,
    last_commits: Vec<(u64, Lineage, Vec<SpoolId>)>,
}

impl Recovered {
    /// Whether the record is in a spool that a crash left.
    #[must_use]
    pub fn holds(&self, lineage: Lineage, id: SpoolId) -> bool {
        self.ids.contains(&(lineage, id))
    }

    /// Gives up the ids: by the first rotation the agent has settled what the kernel held.
    pub(crate) fn forget_ids(&mut self) {
        self.ids = HashSet::new();
    }

    /// Newest sums of `lineage`.
    #[must_use]
    pub fn totals_of(&self, lineage: Lineage) -> Option<&Totals> {
        self.totals.iter().find(|totals| totals.lineage == lineage)
    }

    /// Records of the last two commits of `lineage`: the kernel's table may still hold them.
    pub(super) fn carried(&self, lineage: Lineage) -> Vec<SpoolId> {
        let newest = self.totals_of(lineage).map_or(0, |totals| totals.commit);
        let mut ids: Vec<SpoolId> = self
            .last_commits
            .iter()
            .filter(|(commit, of, _)| *of == lineage && commit + 1 >= newest)
            .flat_map(|(_, _, ids)| ids.iter().copied())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Takes up one line; a totals line says whose the ids before it are.
    fn take(&mut self, line: Line) {
        match line {
            Line::Flow(record) => self.open_ids.extend(record.id),
            Line::Failed(cell) => self.open_ids.extend(cell.ids),
            Line::Totals(mut totals) => {
                let mut ids = std::mem::take(&mut self.open_ids);
                ids.append(&mut totals.carried);
                self.ids.extend(ids.iter().map(|id| (totals.lineage, *id)));
                self.keep_commit((totals.commit, totals.lineage, ids));
                self.keep_totals(totals);
            }
            Line::Header(_) | Line::Statistics(_) => {}
        }
    }

    fn keep_commit(&mut self, commit: (u64, Lineage, Vec<SpoolId>)) {
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

/// One spool's content as a closed file tells it.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) header: Option<Header>,
    /// Flow lines as JSON, without ids.
    pub(super) flows: Vec<String>,
    pub(super) ledger: Ledger,
}

/// How flow lines of records without an id begin.
const FLOW: &str = r#"{"type":"flow","#;

impl Content {
    /// Takes up one line of a spool. One that is `finished` goes as it is.
    fn take(&mut self, line: &str, finished: bool) -> serde_json::Result<()> {
        if finished && line.starts_with(FLOW) {
            self.flows.push(format!("{line}\n"));
            return Ok(());
        }
        match serde_json::from_str(line)? {
            Line::Header(header) => self.header = Some(header),
            Line::Flow(mut record) => {
                record.id = None;
                let mut text = String::new();
                super::queue::push_line(&mut text, &Line::Flow(record));
                self.flows.push(text);
            }
            Line::Failed(cell) => self.ledger.add_failed(&cell),
            Line::Statistics(statistics) => self.ledger.add_statistics(&statistics),
            Line::Totals(_) => {}
        }
        Ok(())
    }
}

/// Reads a spool for closing. `finished`: this process wrote it, and no line of it has an id.
pub(super) fn content(path: &Path, finished: bool) -> Result<Content, SinkError> {
    let mut content = Content::default();
    each_commit(path, |line| content.take(line, finished))?;
    Ok(content)
}

/// Looks at the spools that a crash left in `folder` for `node`; changes nothing.
///
/// # Errors
/// The folder can't be read. A spool that can't be read goes to [`Recovered::left`].
pub fn scan(folder: &Path, node: &Node) -> Result<Recovered, SinkError> {
    let mut recovered = Recovered::default();
    for id in files(folder, node, Kind::Spool)? {
        recovered.spools += 1;
        let path = folder.join(id.name(node, Kind::Spool));
        let take = |line: &str| serde_json::from_str(line).map(|line| recovered.take(line));
        match each_commit(&path, take) {
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
pub(super) fn files(folder: &Path, node: &Node, kind: Kind) -> Result<Vec<FileId>, SinkError> {
    let wrong = |error| SinkError::new("read", folder, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let name = entry.map_err(wrong)?.file_name();
        let parsed = name.to_str().and_then(|name| FileId::parse(name, node));
        found.extend(parsed.filter(|(_, of)| *of == kind).map(|(id, _)| id));
    }
    found.sort_unstable();
    Ok(found)
}

/// Hands the lines of each complete commit to `take`; gives the length of the torn tail. Frames
/// without the totals line that ends a commit are part of the tail.
fn each_commit(
    path: &Path,
    mut take: impl FnMut(&str) -> serde_json::Result<()>,
) -> Result<u64, SinkError> {
    let wrong = |error| SinkError::new("read", path, error);
    // The text at fault may be anything, so it is not told.
    let strange = |_| {
        wrong(io::Error::new(
            io::ErrorKind::InvalidData,
            "not a line of a spool",
        ))
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes))
        .map_err(wrong)?;
    let mut frames = Frames::new(&bytes);
    let mut torn = frames.torn();
    let mut commit = String::new();
    while let Some(text) = frames.next() {
        commit.push_str(&text);
        let last = text.lines().next_back().map(serde_json::from_str);
        let last = last.transpose().map_err(strange)?;
        if !matches!(last, Some(Line::Totals(_))) {
            continue;
        }
        for line in commit.lines() {
            take(line).map_err(strange)?;
        }
        commit.clear();
        torn = frames.torn();
    }
    Ok(torn)
}

/// Path of a file.
pub(super) fn path(folder: &Path, node: &Node, id: FileId, kind: Kind) -> PathBuf {
    folder.join(id.name(node, kind))
}
