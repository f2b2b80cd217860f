//! What a spool holds: the records before they are fit for publishing. Exact and with ids, never
//! with an address or a name.
//!
//! A commit is text: kinds of flows that the spool did not have yet, numbered; flows as arrays of numbers
//! that begin with their kind's; counters of flows that get no line; the ids of all of them; at its
//! end, the sums so far.

use std::{borrow::Cow, str::FromStr};

use collector_common::schema::{Anomaly, Counters, Header, Leg, Nickname, Sum, Traits, Volume};
use serde::{Deserialize, Serialize};

/// Names the life of the kernel's maps; 16 hexadecimal digits in files.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(into = "String", try_from = "String")]
pub struct Lineage(pub u64);

impl From<Lineage> for String {
    fn from(lineage: Lineage) -> Self {
        format!("{:016x}", lineage.0)
    }
}

impl TryFrom<String> for Lineage {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = digits.then(|| u64::from_str_radix(&text, 16).ok());
        number
            .flatten()
            .map(Self)
            .ok_or("not a lineage of 16 hexadecimal digits")
    }
}

/// A record within a lineage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "(u64, u32)", from = "(u64, u32)")]
pub struct SpoolId {
    /// The flow's id in the kernel's table.
    pub flow: u64,
    /// Which of its parts.
    pub part: u32,
}

impl From<SpoolId> for (u64, u32) {
    fn from(id: SpoolId) -> Self {
        (id.flow, id.part)
    }
}

impl From<(u64, u32)> for SpoolId {
    fn from((flow, part): (u64, u32)) -> Self {
        Self { flow, part }
    }
}

/// A kind of flows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Kind {
    /// What is told of them, unless too few have it.
    #[serde(flatten)]
    pub traits: Traits,
    /// Family of the user agent: told where too few sent the same one.
    pub agent_family: Option<Cow<'static, str>>,
    /// Whose flows they are, on a host of several relays.
    pub relay: Option<Nickname>,
}

/// Exact size of a record, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Flows, packets and bytes.
    #[serde(flatten)]
    pub sum: Sum,
    /// First to last packet, summed, milliseconds.
    pub duration_ms: u64,
}

impl Size {
    /// Adds `other`; stays at the largest number instead of wrapping.
    pub fn add(&mut self, other: Self) {
        self.sum.add(other.sum);
        self.duration_ms = self.duration_ms.saturating_add(other.duration_ms);
    }
}

/// A record on its way to the spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// Of which kind.
    pub kind: Kind,
    /// Minutes since the epoch, as the level tells them.
    pub start: i64,
    /// Exact; its `sum.flows` is 1.
    pub size: Size,
}

/// A flow that gets a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Number of its kind.
    pub(super) kind: u32,
    /// Minutes since the epoch.
    pub(super) start: i64,
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) duration_ms: u64,
}

impl Row {
    /// As a size of one flow.
    pub(super) fn size(&self) -> Size {
        Size {
            sum: Sum {
                flows: 1,
                packets: self.packets,
                bytes: self.bytes,
            },
            duration_ms: self.duration_ms,
        }
    }

    /// Appends it as one line.
    pub(super) fn push(&self, text: &mut String) {
        let mut digits = itoa::Buffer::new();
        text.push('[');
        text.push_str(digits.format(self.kind));
        text.push(',');
        text.push_str(digits.format(self.start));
        for number in [self.packets, self.bytes, self.duration_ms] {
            text.push(',');
            text.push_str(digits.format(number));
        }
        text.push_str("]\n");
    }

    /// From a line; `None` where it is none.
    pub(super) fn parse(line: &str) -> Option<Self> {
        fn next<T: FromStr>(fields: &mut std::str::Split<'_, char>) -> Option<T> {
            fields.next()?.parse().ok()
        }
        let mut fields = line.strip_prefix('[')?.strip_suffix(']')?.split(',');
        let row = Self {
            kind: next(&mut fields)?,
            start: next(&mut fields)?,
            packets: next(&mut fields)?,
            bytes: next(&mut fields)?,
            duration_ms: next(&mut fields)?,
        };
        fields.next().is_none().then_some(row)
    }
}

/// A line of a spool that is no [`Row`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Entry {
    /// First line of the closed file.
    Header(Header),
    /// Rows and counts that follow name it by `number`, until a kind is 0 again.
    Kind {
        number: u32,
        #[serde(flatten)]
        kind: Kind,
    },
    /// Flows that get no line.
    Counted {
        kind: u32,
        /// Minutes since the epoch.
        start: i64,
        #[serde(flatten)]
        size: Size,
    },
    /// How large these were.
    Sizes {
        leg: Leg,
        /// UTC, days since the epoch.
        day: i64,
        #[serde(flatten)]
        histograms: super::days::Histograms,
    },
    /// Found among all records so far; it may be in several commits of an hour.
    Anomaly(Anomaly),
    /// Of all records of the commit.
    Ids(Ids),
    /// Ends a commit.
    Totals(Box<Totals>),
}

/// Many ids in little room: the kernel counts them up, so most follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    /// First parts of flows, from one id to another.
    ranges: Vec<(u64, u64)>,
    /// Other parts.
    parts: Vec<SpoolId>,
}

impl Ids {
    /// Of `ids`, in their order.
    #[must_use]
    pub fn of(ids: &[SpoolId]) -> Self {
        let mut packed = Self::default();
        for id in ids {
            packed.push(*id);
        }
        packed
    }

    fn push(&mut self, id: SpoolId) {
        if id.part > 0 {
            self.parts.push(id);
            return;
        }
        match self.ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(id.flow) => *last = id.flow,
            _ => self.ranges.push((id.flow, id.flow)),
        }
    }

    /// None.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.parts.is_empty()
    }

    /// First parts of flows, from one id to another, both included.
    #[must_use]
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }

    /// Other parts.
    #[must_use]
    pub fn parts(&self) -> &[SpoolId] {
        &self.parts
    }

    /// Adds those of `other`.
    pub fn append(&mut self, mut other: Self) {
        self.ranges.append(&mut other.ranges);
        self.parts.append(&mut other.parts);
    }
}

/// Running sums since the kernel's maps began to live (their lineage). With them the books
/// close: metered = `written` + `unwritten` + `lost_in_crash` + live.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Which maps.
    pub lineage: Lineage,
    /// Commit that the frame belongs to, counted from 0 in a lineage.
    pub commit: u64,
    /// Every record written, as a line or in a failed counter.
    pub written: Sum,
    /// Of `written`, packets of late and overflow records that never were in the kernel's table.
    pub late_written: Volume,
    /// Late and overflow records that a crash swallowed.
    pub lost_in_crash: Volume,
    /// Records that were dropped because the disk took nothing and the queue was full.
    pub unwritten: Sum,
    /// Of everything that is in no record, as far as the frame's writer knew.
    pub counters: Counters,
    /// In the first frame of a spool: records of the last commits of the spool before, which the
    /// kernel's table may still hold.
    #[serde(default, skip_serializing_if = "Ids::is_empty")]
    pub carried: Ids,
}

impl Totals {
    /// Whether there is something to tell since `told`. Packets that are in no record are told with
    /// the next record.
    pub(super) fn moved_since(&self, told: &Self) -> bool {
        let quiet = Self {
            counters: told.counters,
            ..self.clone()
        };
        quiet != *told
    }
}

/// Appends `value` as a line of JSON.
pub(crate) fn push_json(text: &mut String, value: &impl Serialize) {
    let json = serde_json::to_string(value).expect("lines have string keys and no fallible parts");
    text.push_str(&json);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lineages_and_record_ids_come_back_from_text() {
        let id = SpoolId {
            flow: u64::MAX,
            part: 7,
        };
        let json = serde_json::to_string(&(Lineage(10), id)).unwrap();
        assert_eq!(json, r#"["000000000000000a",[18446744073709551615,7]]"#);
        assert_eq!(
            serde_json::from_str::<(Lineage, SpoolId)>(&json).unwrap(),
            (Lineage(10), id)
        );
        assert!(serde_json::from_str::<Lineage>(r#""+00000000000000f""#).is_err());
    }

    #[test]
    fn ids_that_follow_each_other_are_one_range() {
        let first = |flow| SpoolId { flow, part: 0 };
        let cut = SpoolId { flow: 2, part: 1 };
        let ids = Ids::of(&[first(1), first(2), cut, first(3), first(9)]);
        assert_eq!(ids.ranges(), [(1, 3), (9, 9)]);
        assert_eq!(ids.parts(), [cut]);
    }

    #[test]
    fn a_row_comes_back_and_what_is_none_does_not() {
        let row = Row {
            kind: 3,
            start: 29_912_345,
            packets: 10,
            bytes: u64::MAX,
            duration_ms: 0,
        };
        let mut text = String::new();
        row.push(&mut text);
        assert_eq!(Row::parse(text.trim_end()), Some(row));
        for bad in ["[]", "[1,2,3,4]", "[1,2,3,4,5,6]", "[1,2,3,4,x]"] {
            assert_eq!(Row::parse(bad), None, "{bad}");
        }
    }
}
