//! A second look at closed files, as a sceptic would take it: whether they hold anything that the
//! schema does not have, or that their level does not tell.
//!
//! Each line is read as what it says to be and written again: unless the text is the same, there is
//! a field, a second value or a form that no meter writes. Then come the rules of the level that the
//! file's header names. No value is ever repeated, since it may be an address.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    io::{self, Read},
};

use collector_common::schema::{Level, Line};
use serde::{Serialize, Serializer};

mod cells;
mod form;
pub(crate) mod fuzz;
mod header;
pub mod places;
mod rules;
mod text;
mod together;
mod words;

use crate::anonymize::traces::Trace;
use rules::Rules;
use text::Lines;
use together::Together;

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The file, or a part of it, begins with something else than a header.
    NoHeader,
    /// It was not read, for this reason.
    Refused(&'static str),
    /// It can't be read: the reason, which holds nothing of the file.
    Unreadable(String),
    /// The last line has no end.
    Torn,
    /// More bytes than a line of the schema can have.
    TooLong,
    /// No object of JSON in UTF-8.
    NoJson,
    /// It has another name than any of the schema's.
    Unknown,
    /// It is not there.
    Missing,
    /// The schema does not have such a value.
    Invalid,
    /// Twice, in another order, or written in another way.
    Form,
    /// It may be in files, and not of this level.
    NotAtLevel,
    /// It tells more than the level does.
    Finer,
    /// A word that is in none of the lists.
    Unlisted,
    /// It shows something of a machine or a person.
    Trace(Trace),
    /// Fewer than k flows share it.
    TooFew,
    /// Out of order: the order of flows may tell when they ended.
    Unsorted,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHeader => "no header comes before it, so what follows can't be judged",
            Self::Refused(reason) => reason,
            Self::Unreadable(reason) => return write!(f, "can't be read: {reason}"),
            Self::Torn => "the line has no end",
            Self::TooLong => "longer than any line of the schema; what follows is not read",
            Self::NoJson => "no object of JSON",
            Self::Unknown => "the schema has no field of this name",
            Self::Missing => "missing",
            Self::Invalid => "the schema has no such value",
            Self::Form => "twice, in another order, or written in another way than a meter does",
            Self::NotAtLevel => "not of this level",
            Self::Finer => "finer than the level tells",
            Self::Unlisted => "in none of the lists of words",
            Self::Trace(trace) => return write!(f, "holds {trace}"),
            Self::TooFew => "fewer than k flows",
            Self::Unsorted => "flows are not sorted, so their order may tell when they ended",
        })
    }
}

impl Serialize for What {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A place in a file where it is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// From 1; 0: the file as a whole.
    pub line: u64,
    /// Of the schema, so that it tells nothing of the line; `line` where it is all of it.
    pub field: Cow<'static, str>,
    /// What is wrong with it.
    pub what: What,
}

/// The field of a fault that is about the whole line.
const WHOLE: &str = "line";

/// What an audit of one file came to.
#[derive(Debug, Default)]
pub struct Audited {
    /// Lines that were read.
    pub lines: u64,
    /// Named values in them, as far as the lines are the schema's.
    pub fields: u64,
    /// By level, then type.
    pub kinds: BTreeMap<(Level, &'static str), u64>,
    /// The first faults.
    pub faults: Vec<Fault>,
    /// Lines and fields with faults beyond these.
    pub more: u64,
}

impl Audited {
    /// A file that nothing else can be said of.
    #[must_use]
    pub fn failed(what: What) -> Self {
        let mut audited = Self::default();
        audited.faults.push(Fault {
            line: 0,
            field: WHOLE.into(),
            what,
        });
        audited
    }

    /// Nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty() && self.more == 0
    }
}

/// Audits the text of one file, plain or zstd. The first `most` faults are kept, the others counted.
/// Memory is bounded whatever the file holds, and time is linear in its text.
pub fn audit(file: impl Read, most: usize) -> Audited {
    let mut audit = Audit {
        found: Found {
            line: 0,
            most,
            audited: Audited::default(),
        },
        rules: None,
        together: Together::default(),
        again: Vec::new(),
    };
    let mut lines = Lines::new(file);
    let end = loop {
        audit.found.line += 1;
        match lines.next() {
            Ok(Some(line)) => {
                audit.found.audited.lines += 1;
                if let Err(end) = audit.line(line) {
                    break end;
                }
            }
            Ok(None) if audit.rules.is_some() => break End::Clean,
            Ok(None) => break End::Fault(What::NoHeader),
            Err(what) => break End::Fault(what),
        }
    };
    if let End::Fault(what) = end {
        audit.found.fault(WHOLE, what);
    }
    audit.together.finish(&mut audit.found);
    audit.found.audited
}

/// Why no further line is read.
enum End {
    Clean,
    Fault(What),
}

/// One file on its way.
struct Audit {
    found: Found,
    /// Of the last header.
    rules: Option<Rules>,
    together: Together,
    /// The line as a meter would write it.
    again: Vec<u8>,
}

impl Audit {
    fn line(&mut self, text: &str) -> Result<(), End> {
        let line = self.canonical(text);
        if let Some(Line::Header(header)) = &line {
            self.together.finish(&mut self.found);
            self.rules = Some(Rules::of(header, &mut self.found));
        }
        if line.is_none() {
            form::blame(text, &mut self.found);
        }
        let Some(rules) = &self.rules else {
            return Err(End::Fault(What::NoHeader));
        };
        let Some(line) = line else {
            return Ok(());
        };
        let audited = &mut self.found.audited;
        audited.fields += form::fields(text);
        let kind = (rules.level, form::kind(&line));
        *audited.kinds.entry(kind).or_default() += 1;
        rules.line(&line, &mut self.found);
        self.together.line(&line, text, rules, &mut self.found);
        Ok(())
    }

    /// The line, if it is one and a meter would write it with this very text.
    fn canonical(&mut self, text: &str) -> Option<Line> {
        let line: Line = serde_json::from_str(text).ok()?;
        self.again.clear();
        serde_json::to_writer(&mut self.again, &line).ok()?;
        (self.again == text.as_bytes()).then_some(line)
    }
}

/// Where faults go.
struct Found {
    /// That is being looked at.
    line: u64,
    most: usize,
    audited: Audited,
}

impl Found {
    /// No further fault is kept: why a line is wrong need not be found out.
    fn is_full(&self) -> bool {
        self.audited.faults.len() >= self.most
    }

    fn fault(&mut self, field: impl Into<Cow<'static, str>>, what: What) {
        self.fault_at(self.line, field, what);
    }

    fn fault_at(&mut self, line: u64, field: impl Into<Cow<'static, str>>, what: What) {
        if self.is_full() {
            self.audited.more += 1;
            return;
        }
        let field = field.into();
        self.audited.faults.push(Fault { line, field, what });
    }

    fn unless(&mut self, good: bool, field: &'static str, what: What) {
        if !good {
            self.fault(field, what);
        }
    }

    /// What a list or a search says of a field.
    fn judged(&mut self, field: &'static str, wrong: Option<What>) {
        if let Some(what) = wrong {
            self.fault(field, what);
        }
    }
}

impl From<io::Error> for What {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

#[cfg(test)]
mod tests;
