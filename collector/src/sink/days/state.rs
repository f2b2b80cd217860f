//! What survives from one closed spool to the next: the days that are not over, and the hours of
//! too few flows. One file, replaced as a whole, so that a kill leaves the old or the new.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use collector_common::schema::{Header, Leg};
use serde::{Deserialize, Serialize};

use super::{Cell, Day, Histograms, Key};
use crate::sink::{
    SinkError, WholeFile,
    disk::Disk,
    entry::push_json,
    frame,
    hours::Carried,
    name::{FileId, Node},
};

/// Most text that the file may hold: 32 days of as many cells as there may be.
const MAX_TEXT: u64 = 1 << 30;

/// A spool that is being closed, or has been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::sink) struct Closing {
    /// Which.
    pub(in crate::sink) spool: FileId,
    /// What the file before left for it.
    pub(in crate::sink) carried: Carried,
}

/// See the module.
#[derive(Debug, Default, PartialEq)]
pub(in crate::sink) struct State {
    /// Spools that are counted here and may still be on the disk.
    pub(in crate::sink) counted: Vec<Closing>,
    /// For the file after.
    pub(in crate::sink) carried: Carried,
    /// By days since the epoch.
    pub(in crate::sink) days: BTreeMap<i64, Day>,
    /// Under which these were counted: a level of its own tells them.
    pub(in crate::sink) header: Option<Header>,
    /// The day that is being told, and the number in its file's name: a kill must not give it
    /// another.
    pub(in crate::sink) telling: Option<(i64, u32)>,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Saved {
    Counted(Closing),
    Carried {
        hours: Carried,
    },
    Telling {
        day: i64,
        sequence: u32,
    },
    Header(Header),
    /// The day is to be told, even if nothing is counted in it.
    Day {
        day: i64,
    },
    Cell {
        day: i64,
        leg: Leg,
        #[serde(flatten)]
        key: Key,
        #[serde(flatten)]
        cell: Cell,
    },
    Sizes {
        day: i64,
        leg: Leg,
        #[serde(flatten)]
        histograms: Histograms,
    },
    /// The last line: the file is whole.
    End,
}

impl State {
    fn path(folder: &Path, node: &Node) -> PathBuf {
        folder.join(format!("days-{node}.ndjson.zst.open"))
    }

    /// The state in `folder`; a new one where there is none.
    ///
    /// # Errors
    /// It can't be read, or is damaged.
    pub(in crate::sink) fn read(folder: &Path, node: &Node) -> Result<Self, SinkError> {
        let path = Self::path(folder, node);
        let wrong = |error| SinkError::new("read", &path, error);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            opened => opened.map_err(wrong)?,
        };
        let mut text = String::new();
        zstd::Decoder::new(file)
            .and_then(|decoder| decoder.take(MAX_TEXT).read_to_string(&mut text))
            .map_err(wrong)?;
        Self::parse(&text).ok_or_else(|| {
            let reason = "damaged: move it away, and the counts of the days in it are lost";
            wrong(io::Error::new(io::ErrorKind::InvalidData, reason))
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut state = Self::default();
        let mut ended = false;
        for line in text.lines() {
            match serde_json::from_str(line).ok()? {
                Saved::Counted(closing) => state.counted.push(closing),
                Saved::Carried { hours } => state.carried = hours,
                Saved::Header(header) => state.header = Some(header),
                Saved::Telling { day, sequence } => state.telling = Some((day, sequence)),
                Saved::Day { day } => {
                    state.day(day);
                }
                Saved::Cell {
                    day,
                    leg,
                    key,
                    cell,
                } => {
                    let leg = state.day(day).legs.entry(leg);
                    leg.or_default().cells.insert(key, cell);
                }
                Saved::Sizes {
                    day,
                    leg,
                    histograms,
                } => {
                    state.day(day).count_sizes(leg, &histograms);
                }
                Saved::End => ended = true,
            }
        }
        ended.then_some(state)
    }

    /// Replaces the file; takes it away where nothing is left to keep.
    ///
    /// # Errors
    /// It can't be written.
    pub(in crate::sink) fn write(
        &self,
        folder: &Path,
        node: &Node,
        disk: &mut dyn Disk,
    ) -> Result<(), SinkError> {
        let path = Self::path(folder, node);
        let nothing = self.counted.is_empty() && self.days.is_empty();
        if nothing && self.carried == Carried::default() {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(SinkError::new("remove", &path, error))
                }
                _ => Ok(()),
            };
        }
        let mut file = WholeFile::create(&path, disk)?;
        frame::encode(self.text().as_bytes(), frame::FAST)
            .and_then(|bytes| file.write_all(&bytes))
            .map_err(|error| file.wrong(error))?;
        file.finish()
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for closing in &self.counted {
            push_json(&mut text, &Saved::Counted(closing.clone()));
        }
        let hours = self.carried.clone();
        push_json(&mut text, &Saved::Carried { hours });
        if let Some(header) = &self.header {
            push_json(&mut text, &Saved::Header(header.clone()));
        }
        if let Some((day, sequence)) = self.telling {
            push_json(&mut text, &Saved::Telling { day, sequence });
        }
        for (&day, counts) in &self.days {
            push_json(&mut text, &Saved::Day { day });
            for (&leg, counts) in &counts.legs {
                for (key, &cell) in &counts.cells {
                    let key = key.clone();
                    push_json(
                        &mut text,
                        &Saved::Cell {
                            day,
                            leg,
                            key,
                            cell,
                        },
                    );
                }
                let histograms = counts.histograms.clone();
                push_json(
                    &mut text,
                    &Saved::Sizes {
                        day,
                        leg,
                        histograms,
                    },
                );
            }
        }
        push_json(&mut text, &Saved::End);
        text
    }

    /// Counts of a day.
    pub(in crate::sink) fn day(&mut self, day: i64) -> &mut Day {
        self.days.entry(day).or_default()
    }
}
