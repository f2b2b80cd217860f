//! The file schema: every line that a spool or a closed file may hold.
//!
//! The schema is closed: a field is an enum, a code, a bucket, a bounded number, a listed port, a
//! registered type or a family. The same, for other programs, is [`JSON_SCHEMA`]; a test holds
//! real output against it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{expiry::End, flow::OpenerBasis, wire::Tally};

mod country;
mod fields;
mod nickname;
mod port;

pub use country::{Country, Proxy};
pub use fields::{
    Bucket, GeoSource, Hour, Leg, LegBasis, Level, Lineage, Method, Outcome, PayloadMode, SpoolId,
    TimeZone, Transport,
};
pub use nickname::Nickname;
pub use port::{Port, PortClass};

/// Version of the lines. A change that an old reader would misread raises it.
pub const SCHEMA_VERSION: u32 = 1;

/// JSON Schema (draft 2020-12) of one line.
pub const JSON_SCHEMA: &str = include_str!("../schema/flows.schema.json");

/// Most packets, both directions together, of a flow that counts as failed (the rule of the
/// thesis that this meter continues).
pub const FAILED_PACKETS: u64 = 4;

/// One line of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// What the file is; always the first line.
    Header(Header),
    /// One flow, or one part of a flow that an active cut split.
    Flow(PublicRecord),
    /// Failed flows of one kind, counted.
    Failed(FailedCell),
    /// Exact sums of one hour and leg.
    Statistics(Statistics),
    /// Running sums at the end of a frame; in spools only.
    Totals(Totals),
}

/// First line of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`SCHEMA_VERSION`].
    pub schema: u32,
    /// Name of the meter that the operator chose, never the host's.
    pub node: String,
    /// Zone of every time in the file.
    pub time_zone: TimeZone,
    /// How much was removed.
    pub level: Level,
    /// Where countries come from; `null`: every public address is `??`.
    pub geo: Option<Geo>,
    /// How many exclusion rules held; their values are not told.
    pub exclusions: u32,
    /// Whether payload was looked at.
    pub payload: PayloadMode,
    /// Version of the meter.
    pub meter: String,
}

/// Country data that was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Geo {
    /// Kind of data.
    pub source: GeoSource,
    /// Day the data says it is from, UTC; the oldest where it is in several files.
    pub date: Option<jiff::civil::Date>,
}

/// A flow as it may be published.
///
/// `hour` comes first and `id` is absent from closed files, so that sorting lines as text groups
/// them by hour and forgets the order in which flows ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicRecord {
    /// Hour in which this part began.
    pub hour: Hour,
    /// Whose traffic it is.
    pub leg: Leg,
    /// How the leg is known.
    pub leg_basis: LegBasis,
    /// Transport protocol.
    pub transport: Transport,
    /// 4 or 6.
    pub ip_version: u8,
    /// `Master.App` in nDPI's vocabulary, one name where both are the same.
    pub label: Cow<'static, str>,
    /// nDPI category.
    pub category: Cow<'static, str>,
    /// How the label was found.
    pub method: Method,
    /// The port alone gave the label.
    pub guessed: bool,
    /// Of the opener.
    pub source_country: Country,
    /// Of the other side.
    pub destination_country: Country,
    /// Port of the other side; `null` for transports without ports.
    pub destination_port: Option<Port>,
    /// Wire packets, both directions.
    pub packets: Bucket,
    /// Wire bytes, both directions.
    pub bytes: Bucket,
    /// First to last packet of this part, milliseconds.
    pub duration_ms: Bucket,
    /// Family of the first request's user agent.
    pub user_agent: Option<Cow<'static, str>>,
    /// Registered media type of the response, else `other`.
    pub content_type: Option<Cow<'static, str>>,
    /// Why the record was written.
    pub end: End,
    /// What the transport showed.
    pub outcome: Outcome,
    /// The whole flow so far has at most [`FAILED_PACKETS`] packets.
    pub failed: bool,
    /// How the opener is known.
    pub opener_basis: OpenerBasis,
    /// In spools only: no record is written twice after a crash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<SpoolId>,
}

/// Records, and what they counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    /// Records: a flow that active cuts split counts once a part.
    pub flows: u64,
    /// Wire packets.
    pub packets: u64,
    /// Wire bytes.
    pub bytes: u64,
}

impl Sum {
    /// One record that counted `tally`.
    #[must_use]
    pub fn one(tally: Tally) -> Self {
        Self {
            flows: 1,
            packets: tally.packets,
            bytes: tally.bytes,
        }
    }

    /// Adds `other`; stays at the largest number instead of wrapping.
    pub fn add(&mut self, other: Self) {
        self.flows = self.flows.saturating_add(other.flows);
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// Failed flows that went to a counter instead of lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailedCell {
    /// Hour in which they began.
    pub hour: Hour,
    /// Whose traffic it is.
    pub leg: Leg,
    /// Transport protocol.
    pub transport: Transport,
    /// What the transport showed.
    pub outcome: Outcome,
    /// Port of the other side; `null` for transports without ports.
    pub destination_port: Option<Port>,
    /// Flows, packets and bytes.
    pub sum: Sum,
    /// In spools only: the records counted here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<SpoolId>,
}

/// Exact sums over every record of one hour and leg, failed ones included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statistics {
    /// Hour in which the flows began.
    pub hour: Hour,
    /// Whose traffic it is.
    pub leg: Leg,
    /// All records.
    pub all: Sum,
    /// Of these, failed ones.
    pub failed: Sum,
    /// Of all, those where the other side answered.
    pub answered: Sum,
    /// Of all, those that it refused.
    pub refused: Sum,
    /// Of all, those where it sent nothing.
    pub no_answer: Sum,
}

impl Statistics {
    /// Nothing yet.
    #[must_use]
    pub fn empty(hour: Hour, leg: Leg) -> Self {
        Self {
            hour,
            leg,
            all: Sum::default(),
            failed: Sum::default(),
            answered: Sum::default(),
            refused: Sum::default(),
            no_answer: Sum::default(),
        }
    }

    /// Counts one record.
    pub fn count(&mut self, outcome: Outcome, failed: bool, sum: Sum) {
        self.all.add(sum);
        if failed {
            self.failed.add(sum);
        }
        match outcome {
            Outcome::Answered => self.answered.add(sum),
            Outcome::Refused => self.refused.add(sum),
            Outcome::NoAnswer => self.no_answer.add(sum),
        }
    }

    /// Adds the sums of `other`.
    pub fn add(&mut self, other: &Self) {
        self.all.add(other.all);
        self.failed.add(other.failed);
        self.answered.add(other.answered);
        self.refused.add(other.refused);
        self.no_answer.add(other.no_answer);
    }
}

/// Packets and bytes without records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Wire packets.
    pub packets: u64,
    /// Wire bytes.
    pub bytes: u64,
}

impl From<Volume> for Tally {
    fn from(volume: Volume) -> Self {
        Self {
            packets: volume.packets,
            bytes: volume.bytes,
        }
    }
}

impl From<Sum> for Tally {
    fn from(sum: Sum) -> Self {
        Self {
            packets: sum.packets,
            bytes: sum.bytes,
        }
    }
}

impl From<Tally> for Volume {
    fn from(tally: Tally) -> Self {
        Self {
            packets: tally.packets,
            bytes: tally.bytes,
        }
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
    /// In the first frame of a spool: records of the last commits of the spool before, which the
    /// kernel's table may still hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<SpoolId>,
}

#[cfg(test)]
mod tests;
