//! From a spool to a closed file: ids gone, what too few flows have told as something broader, flow
//! lines sorted, sums added up, days counted.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::Path,
};

use collector_common::schema::{
    Counters, CountersLine, Country, Header, Hour, Label, Level, Line, Start, Traits,
};
use hashbrown::HashMap;
use jiff::Timestamp;

use super::{
    SinkError,
    content::Content,
    days::{Closing, State, day_of},
    disk::Disk,
    entry::{Kind, Row, Size, push_json},
    frame,
    hours::{Carried, Hours},
    name::{FileId, FileKind, Node},
    recover::path,
    spool::sync_folder,
    whole::WholeFile,
};

/// Closes spools of one node.
pub(super) struct Closer<'a> {
    pub(super) folder: &'a Path,
    pub(super) node: &'a Node,
    pub(super) disk: &'a mut dyn Disk,
    pub(super) state: &'a mut State,
    /// No file follows: what was left for it is told now.
    pub(super) last: bool,
}

impl Closer<'_> {
    /// Closes a spool. Killed at any point, it does the rest when called again: its flows are
    /// counted into their days once, the closed file appears whole by its rename, and only then
    /// the spool goes.
    pub(super) fn close(&mut self, id: FileId) -> Result<(), SinkError> {
        let spool = path(self.folder, self.node, id, FileKind::Spool);
        let closed = path(self.folder, self.node, id, FileKind::Closed);
        if !closed.exists() {
            self.write(id, &spool, &closed)?;
        }
        match fs::remove_file(&spool) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(SinkError::new("remove", &spool, error))
            }
            _ => sync_folder(self.folder),
        }
    }

    fn write(&mut self, id: FileId, spool: &Path, closed: &Path) -> Result<(), SinkError> {
        let content = Content::read(spool)?;
        let settles = self.last && !self.state.carried.is_empty();
        if content.is_empty() && !settles {
            return Ok(());
        }
        let wrong = |error| SinkError::new("close", spool, error);
        let header = content.header.clone().ok_or_else(|| {
            let reason = "its first frame holds no header";
            wrong(io::Error::new(io::ErrorKind::InvalidData, reason))
        })?;
        let sums = content.sums();
        let mut hours = Hours::default();
        for ((kind, start), size) in &sums {
            hours.count(&content.kinds[*kind as usize], *start, *size);
        }
        // What was seen after the last record has no hour but that of the spool.
        let hour = Hour::of(id.start);
        let counted = content.counters() != Counters::default();
        let span = hours.span().or(counted.then_some((hour, hour)));
        let carried = self.count(id, &content, &sums)?;
        let left = hours.carry(carried, header.k);
        if self.last {
            hours.settle(left, Hour::of(id.start));
        } else {
            self.state.carried = left;
            self.save()?;
        }
        if !header.level.has_flows() {
            return Ok(());
        }
        let file = ClosedFile {
            header,
            content,
            hours,
            span,
        };
        file.write(closed, self.disk)
    }

    /// Counts a spool into its days, once. Gives what the file before left for it.
    fn count(
        &mut self,
        id: FileId,
        content: &Content,
        sums: &HashMap<(u32, i64), Size>,
    ) -> Result<Carried, SinkError> {
        let before = self
            .state
            .counted
            .iter()
            .find(|closing| closing.spool == id);
        if let Some(before) = before {
            return Ok(before.carried.clone());
        }
        for ((kind, start), size) in sums {
            let kind = &content.kinds[*kind as usize];
            self.state.day(day_of(*start)).count(kind, *start, *size);
        }
        for ((leg, day), histograms) in content.sizes() {
            self.state.day(day).count_sizes(leg, &histograms);
        }
        self.state.header.clone_from(&content.header);
        let carried = std::mem::take(&mut self.state.carried);
        self.state.counted.push(Closing {
            spool: id,
            carried: carried.clone(),
        });
        self.save()?;
        Ok(carried)
    }

    pub(super) fn save(&mut self) -> Result<(), SinkError> {
        self.state.write(self.folder, self.node, self.disk)
    }
}

/// A file of flows.
struct ClosedFile {
    header: Header,
    content: Content,
    hours: Hours,
    /// First and last hour in which its flows began.
    span: Option<(Hour, Hour)>,
}

impl ClosedFile {
    fn write(mut self, closed: &Path, disk: &mut dyn Disk) -> Result<(), SinkError> {
        let mut file = WholeFile::create(closed, disk)?;
        let lines = Lines::of(&mut self);
        frame::stream(&mut file, frame::SMALL, |out| {
            let mut text = String::new();
            push_json(&mut text, &Line::Header(self.header.clone()));
            out.write_all(text.as_bytes())?;
            lines.write(&self.content.rows, out)?;
            self.write_sums(out)
        })
        .map_err(|error| file.wrong(error))?;
        file.finish()
    }

    fn write_sums(&self, out: &mut impl Write) -> io::Result<()> {
        let mut text = String::new();
        for line in self.hours.lines(self.header.k) {
            push_json(&mut text, &line);
        }
        for anomaly in self.content.anomalies.iter() {
            push_json(&mut text, &Line::Anomaly(*anomaly));
        }
        if let Some((since, until)) = self.span {
            let counters = self.content.counters();
            push_json(
                &mut text,
                &Line::Counters(CountersLine {
                    since,
                    until,
                    counters,
                }),
            );
        }
        out.write_all(text.as_bytes())
    }
}

/// The texts of flow lines: of each kind the part between its begin and its numbers.
struct Lines {
    /// By the rank that rows now have as their kind.
    middles: Vec<String>,
}

impl Lines {
    /// Ranks the kinds by their text, and sorts the rows by begin, kind and numbers: so the order
    /// in which flows ended is gone, and like lines stand together.
    fn of(file: &mut ClosedFile) -> Self {
        let content = &mut file.content;
        let level = file.header.level;
        let told = told(content, file.header.level, file.header.k);
        let mut ranks: BTreeMap<&str, u32> = BTreeMap::new();
        for text in &told {
            ranks.insert(text, 0);
        }
        for (rank, place) in ranks.values_mut().enumerate() {
            *place = rank as u32;
        }
        let places: Vec<u32> = told.iter().map(|text| ranks[text.as_str()]).collect();
        for row in &mut content.rows {
            *row = Row {
                kind: places[row.kind as usize],
                start: row.start,
                packets: level.packets(row.packets),
                bytes: level.bytes(row.bytes),
                duration_ms: level.duration_ms(row.duration_ms),
            };
        }
        content.rows.sort_unstable_by_key(|row| {
            (row.start, row.kind, row.packets, row.bytes, row.duration_ms)
        });
        let middles = ranks.into_keys().map(str::to_owned).collect();
        Self { middles }
    }

    fn write(&self, rows: &[Row], out: &mut impl Write) -> io::Result<()> {
        let mut text = String::with_capacity(TEXT + 1024);
        let mut start = (i64::MIN, String::new());
        let mut digits = itoa::Buffer::new();
        for row in rows {
            if start.0 != row.start {
                let at = Timestamp::from(Start::from_minutes(row.start));
                start = (row.start, at.to_string());
            }
            text.push_str(r#"{"type":"flow","start":""#);
            text.push_str(&start.1);
            text.push_str(&self.middles[row.kind as usize]);
            text.push_str(digits.format(row.packets));
            text.push_str(r#","bytes":"#);
            text.push_str(digits.format(row.bytes));
            text.push_str(r#","duration_ms":"#);
            text.push_str(digits.format(row.duration_ms));
            text.push_str("}\n");
            if text.len() >= TEXT {
                out.write_all(text.as_bytes())?;
                text.clear();
            }
        }
        out.write_all(text.as_bytes())
    }
}

/// What is told of each kind, as it stands in a line.
fn told(content: &Content, level: Level, k: u64) -> Vec<String> {
    let counts = Counts::of(content);
    let kinds = content.kinds.iter();
    kinds
        .map(|kind| middle(&counts.told(kind, level, k)))
        .collect()
}

/// Text that is handed on at a time.
const TEXT: usize = 1 << 16;

/// A line from behind its begin up to its numbers; a test holds the whole line against
/// [`collector_common::schema::PublicRecord`].
fn middle(traits: &Traits) -> String {
    let mut text = String::from("\",");
    push_json(&mut text, traits);
    let inner = text.replacen('{', "", 1);
    let inner = inner.trim_end().trim_end_matches('}');
    format!("{inner},\"packets\":")
}

/// Flows with a line by what is told of them only where k have it.
struct Counts<'a> {
    labels: HashMap<&'a Label, u64>,
    sources: HashMap<Country, u64>,
    destinations: HashMap<Country, u64>,
    agents: HashMap<&'a str, u64>,
}

impl<'a> Counts<'a> {
    fn of(content: &'a Content) -> Self {
        let mut flows = vec![0_u64; content.kinds.len()];
        for row in &content.rows {
            flows[row.kind as usize] += 1;
        }
        let mut counts = Self {
            labels: HashMap::new(),
            sources: HashMap::new(),
            destinations: HashMap::new(),
            agents: HashMap::new(),
        };
        for (kind, flows) in content.kinds.iter().zip(flows) {
            let traits = &kind.traits;
            *counts.labels.entry(&traits.label).or_default() += flows;
            *counts.sources.entry(traits.source_country).or_default() += flows;
            let destination = traits.destination_country;
            *counts.destinations.entry(destination).or_default() += flows;
            if let Some(agent) = &traits.user_agent {
                *counts.agents.entry(agent).or_default() += flows;
            }
        }
        counts
    }

    /// What is told of a kind: of what fewer than `k` flows have, something broader.
    fn told(&self, kind: &Kind, level: Level, k: u64) -> Traits {
        let mut traits = kind.traits.clone();
        if self.labels[&traits.label] < k {
            traits.label = traits.label.broader();
        }
        // At level thesis countries are told as they are.
        let folds = level == Level::Coarse;
        if folds && self.sources[&traits.source_country] < k {
            traits.source_country = traits.source_country.continent();
        }
        if folds && self.destinations[&traits.destination_country] < k {
            traits.destination_country = traits.destination_country.continent();
        }
        let agent = traits.user_agent.as_deref();
        if agent.is_some_and(|agent| self.agents[agent] < k) {
            traits.user_agent = kind.agent_family.clone();
        }
        traits
    }
}
