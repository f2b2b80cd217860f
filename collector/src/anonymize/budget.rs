//! The budget of differential privacy: a period is released once.
//!
//! Each release of the same flows tells more, so what was released is written down, in a file
//! beside the released ones that no retention removes. A release begins with its entry: a crash
//! between the two costs the release, never a second look at the same flows.

use std::{
    fs::File,
    io::{self, Read, Write},
    num::NonZeroU8,
    path::{Path, PathBuf},
};

use getrandom::SysRng;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::noise::{Bound, Dp, Epsilon, Noise, Period};
use crate::sink::{SinkError, disk::Disk, name::Node, whole::WholeFile};

/// Bytes of a budget file: a hundred thousand releases.
const MAX_LENGTH: u64 = 16 << 20;

/// A release is not granted.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    /// There was one of the same days.
    #[error(
        "the flows of {node} from {first} to {last} were released before, as {} says, and a second \
         release would undo what epsilon promises: keep the first, or wait for the next period",
        path.display()
    )]
    Spent {
        /// Of the budget.
        node: String,
        /// First day of the release before.
        first: Date,
        /// And its last.
        last: Date,
        /// Of the budget.
        path: PathBuf,
    },
    /// The file says something else than a budget does.
    #[error(
        "{}, line {line}: {reason}. What was released can't be known, so nothing is: restore the \
         file, from a backup or from the headers of the released files",
        path.display()
    )]
    Damaged {
        /// Of the budget.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The file can't be read or written.
    #[error(transparent)]
    Disk(#[from] SinkError),
}

impl From<BudgetError> for SinkError {
    fn from(error: BudgetError) -> Self {
        match error {
            BudgetError::Disk(error) => error,
            BudgetError::Spent { ref path, .. } | BudgetError::Damaged { ref path, .. } => {
                let path = path.clone();
                Self::new("release counts by", &path, io::Error::other(error))
            }
        }
    }
}

/// One release, as a line of the file has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    node: String,
    /// First day of the period.
    start: Date,
    period: Period,
    epsilon: Epsilon,
    bound: Bound,
}

impl Entry {
    fn shares_a_day_with(&self, other: &Self) -> bool {
        let (first, last) = self.period.around(self.start);
        let (other_first, other_last) = other.period.around(other.start);
        first <= other_last && other_first <= last
    }

    /// What makes it no entry of the budget of `node`.
    fn fault(&self, node: &str) -> Option<String> {
        if self.node != node {
            Some(format!("it is of another node than {node}"))
        } else if self.period.around(self.start).0 != self.start {
            Some(format!("no {} begins on {}", self.period, self.start))
        } else {
            None
        }
    }
}

/// What a node has released: `budget-NODE.ndjson`, mode 0600.
#[derive(Clone, Debug)]
pub struct Budget {
    path: PathBuf,
    node: String,
}

impl Budget {
    /// Of `node`, whose files are in `folder`.
    #[must_use]
    pub fn new(folder: &Path, node: &Node) -> Self {
        Self {
            path: folder.join(format!("budget-{node}.ndjson")),
            node: node.to_string(),
        }
    }

    /// Whether the file can be relied on, so that who asks for differential privacy hears of a
    /// damaged one at start.
    ///
    /// # Errors
    /// It can't be read, or is damaged.
    pub fn check(&self) -> Result<(), BudgetError> {
        self.entries(&self.read()?).map(drop)
    }

    /// Grants the release of the period that `day` lies in, and writes it down first.
    ///
    /// # Errors
    /// A day of the period was released before, the file is damaged, or it can't be written.
    pub fn spend(&self, day: Date, dp: Dp, disk: impl Disk) -> Result<Grant, BudgetError> {
        // The file under construction is a lock as well: nobody else spends until it is named.
        let mut file = WholeFile::create(&self.path, disk)?;
        let mut text = self.read()?;
        let entry = Entry {
            node: self.node.clone(),
            start: dp.period.around(day).0,
            period: dp.period,
            epsilon: dp.epsilon,
            bound: dp.bound,
        };
        let before = self.entries(&text)?;
        if let Some(before) = before.iter().find(|it| it.shares_a_day_with(&entry)) {
            return Err(self.spent(before));
        }
        let line = serde_json::to_string(&entry).map_err(|error| file.wrong(error.into()))?;
        text.push_str(&line);
        text.push('\n');
        let written = file.write_all(text.as_bytes());
        written.map_err(|error| file.wrong(error))?;
        file.finish()?;
        Ok(Grant { dp })
    }

    /// The file's text, empty before the first release.
    fn read(&self) -> Result<String, BudgetError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
            Err(error) => return Err(SinkError::new("open", &self.path, error).into()),
        };
        let mut bytes = Vec::new();
        let read = file.take(MAX_LENGTH + 1).read_to_end(&mut bytes);
        read.map_err(|error| SinkError::new("read", &self.path, error))?;
        if bytes.len() as u64 > MAX_LENGTH {
            return Err(self.damaged(0, "larger than any budget"));
        }
        String::from_utf8(bytes).map_err(|_| self.damaged(0, "not text"))
    }

    fn entries(&self, text: &str) -> Result<Vec<Entry>, BudgetError> {
        let lines = text.split_inclusive('\n').enumerate();
        lines.map(|(index, line)| self.entry(index, line)).collect()
    }

    fn entry(&self, index: usize, line: &str) -> Result<Entry, BudgetError> {
        let line = line
            .strip_suffix('\n')
            .ok_or_else(|| self.damaged(index, "it has no end"))?;
        let entry: Entry =
            serde_json::from_str(line).map_err(|error| self.damaged(index, error))?;
        match entry.fault(&self.node) {
            Some(fault) => Err(self.damaged(index, fault)),
            None => Ok(entry),
        }
    }

    fn damaged(&self, index: usize, reason: impl ToString) -> BudgetError {
        BudgetError::Damaged {
            path: self.path.clone(),
            line: index + 1,
            reason: reason.to_string(),
        }
    }

    fn spent(&self, before: &Entry) -> BudgetError {
        let (first, last) = before.period.around(before.start);
        BudgetError::Spent {
            node: self.node.clone(),
            first,
            last,
            path: self.path.clone(),
        }
    }
}

/// One release that is written down. It is used once: whoever has it makes the noise.
#[derive(Debug)]
#[must_use = "the budget is spent"]
pub struct Grant {
    dp: Dp,
}

impl Grant {
    /// Noise from the system's randomness for a release of `lists` key lists, over which epsilon
    /// is split evenly.
    #[must_use]
    pub fn noise(self, lists: NonZeroU8) -> Noise {
        Noise::new(&self.dp, lists, SysRng)
    }
}

#[cfg(test)]
mod tests;
