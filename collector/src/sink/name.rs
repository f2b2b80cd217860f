//! File names: `flows-NODE-UTCSTART-SEQ.ndjson.zst`, with `.open` while it is a spool, and
//! `day-NODE-DATE-SEQ.ndjson.zst`.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

const PREFIX: &str = "flows-";
const DAY_PREFIX: &str = "day-";
/// A day, as names have it.
const DAY: &str = "%Y%m%d";
const CLOSED: &str = ".ndjson.zst";
const SPOOL: &str = ".ndjson.zst.open";
/// A file that is being closed; worthless until it is renamed.
const PART: &str = ".ndjson.zst.part";
/// Second in which a file was begun, as names have it.
const STAMP: &str = "%Y%m%dT%H%M%SZ";
const STAMP_LENGTH: usize = 16;

/// Name of the meter in file names and headers: 1 to 32 letters, digits, `-` or `_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node(String);

/// The name does not fit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a node name has 1 to 32 letters, digits, '-' or '_'")]
pub struct NodeError;

impl FromStr for Node {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let good = (1..=32).contains(&text.len()) && text.bytes().all(fits);
        good.then(|| Self(text.to_owned())).ok_or(NodeError)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    Spool,
    Part,
    Closed,
}

/// Which file of a node; orders by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct FileId {
    /// When it was begun, whole seconds.
    pub(super) start: Timestamp,
    /// Tells files of one second apart.
    pub(super) sequence: u32,
}

impl FileId {
    pub(super) fn name(self, node: &Node, kind: FileKind) -> String {
        let suffix = match kind {
            FileKind::Spool => SPOOL,
            FileKind::Part => PART,
            FileKind::Closed => CLOSED,
        };
        let (stamp, sequence) = (self.start.strftime(STAMP), self.sequence);
        format!("{PREFIX}{node}-{stamp}-{sequence:04}{suffix}")
    }

    /// What `name` says if it is a file of `node`.
    pub(super) fn parse(name: &str, node: &Node) -> Option<(Self, FileKind)> {
        let rest = name
            .strip_prefix(PREFIX)?
            .strip_prefix(node.0.as_str())?
            .strip_prefix('-')?;
        let (rest, kind) = [
            (SPOOL, FileKind::Spool),
            (PART, FileKind::Part),
            (CLOSED, FileKind::Closed),
        ]
        .into_iter()
        .find_map(|(suffix, kind)| Some((rest.strip_suffix(suffix)?, kind)))?;
        let (stamp, sequence) = rest.split_once('-')?;
        if stamp.len() != STAMP_LENGTH || !sequence.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let start = jiff::civil::DateTime::strptime(STAMP, stamp)
            .ok()?
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()?
            .timestamp();
        let sequence = sequence.parse().ok()?;
        Some((Self { start, sequence }, kind))
    }
}

/// Name of the file of a day's counts; `sequence` tells apart what came later.
pub(super) fn day_name(node: &Node, day: Date, sequence: u32) -> String {
    let stamp = day.strftime(DAY);
    format!("{DAY_PREFIX}{node}-{stamp}-{sequence:04}{CLOSED}")
}

/// The day that `name` says if it is a day file of `node`.
pub(super) fn parse_day(name: &str, node: &Node) -> Option<Date> {
    let stamp = name
        .strip_prefix(DAY_PREFIX)?
        .strip_prefix(node.0.as_str())?
        .strip_prefix('-')?
        .strip_suffix(CLOSED)?;
    let (stamp, sequence) = stamp.split_once('-')?;
    let day = Date::strptime(DAY, stamp).ok()?;
    (day_name(node, day, sequence.parse().ok()?) == name).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_node_start_and_sequence_and_come_back() {
        let node: Node = "relay-1".parse().unwrap();
        let id = FileId {
            start: "2026-11-22T15:04:05Z".parse().unwrap(),
            sequence: 7,
        };
        let name = id.name(&node, FileKind::Spool);
        assert_eq!(name, "flows-relay-1-20261122T150405Z-0007.ndjson.zst.open");
        for kind in [FileKind::Spool, FileKind::Part, FileKind::Closed] {
            assert_eq!(
                FileId::parse(&id.name(&node, kind), &node),
                Some((id, kind))
            );
        }
    }

    #[test]
    fn files_of_other_nodes_and_other_things_are_left_alone() {
        let node: Node = "relay".parse().unwrap();
        for name in [
            "flows-relay-1-20261122T150405Z-0007.ndjson.zst",
            "flows-relay-20261122T150405Z-x.ndjson.zst",
            "flows-relay-20269922T150405Z-0001.ndjson.zst",
            "flows-relay-20261122T150405Z-0001.ndjson.zst.bak",
            "day-relay-20261122.ndjson.zst",
            "flows-relay-.ndjson.zst",
        ] {
            assert_eq!(FileId::parse(name, &node), None, "{name}");
        }
    }

    #[test]
    fn a_day_file_says_its_day() {
        let node: Node = "relay".parse().unwrap();
        let day = jiff::civil::date(2026, 11, 22);
        let name = day_name(&node, day, 1);
        assert_eq!(name, "day-relay-20261122-0001.ndjson.zst");
        assert_eq!(parse_day(&name, &node), Some(day));
        for name in [
            "day-relay-1-20261122-0001.ndjson.zst",
            "day-relay-20261131-0001.ndjson.zst",
            "day-relay-20261122-1.ndjson.zst",
            "day-relay-20261122-0001.ndjson.zst.part",
        ] {
            assert_eq!(parse_day(name, &node), None, "{name}");
        }
    }

    #[test]
    fn a_node_name_can_not_leave_the_folder() {
        for bad in ["", "../x", "a/b", "a b", "ü", "x.y"] {
            assert_eq!(bad.parse::<Node>(), Err(NodeError));
        }
    }
}
