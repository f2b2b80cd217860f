//! The file schema: every line that a closed file may hold.
//!
//! The schema is closed: a field is an enum, a code, a number as its level tells it, a listed port, a
//! registered type or a family; the one free field is the user agent at level thesis. The same, for
//! other programs, is [`JSON_SCHEMA`]; tests hold real output against it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    books::{Books, Reason},
    expiry::End,
    flow::OpenerBasis,
    wire::Tally,
};

mod anomaly;
mod country;
mod day;
mod fields;
mod host;
mod label;
mod level;
mod nickname;
mod port;

pub use anomaly::{Anomaly, AnomalyKind, AnomalyTraits, Direction};
pub use country::{Country, Proxy};
pub use day::{DayCell, Dimension, Distinct, OTHER};
pub use fields::{
    Confidence, GeoSource, Hour, Invalid, Leg, LegBasis, Method, Outcome, PayloadMode, Period,
    Sample, Start, TimeZone, Transport,
};
pub use host::HostChanges;
pub use label::Label;
pub use level::{Level, bucket};
pub use nickname::Nickname;
pub use port::{Port, PortClass};

/// Version of the lines. A change that an old reader would misread raises it.
pub const SCHEMA_VERSION: u32 = 3;

/// JSON Schema (draft 2020-12) of one line.
pub const JSON_SCHEMA: &str = include_str!("../schema/records.schema.json");

/// Most packets, both directions together, of a flow that counts as failed (the rule of the
/// thesis that this meter continues).
pub const FAILED_PACKETS: u64 = 4;

/// One line of a closed file.
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
    /// Of these, one relay's, on a host of several.
    RelayStatistics(RelayStatistics),
    /// Scans, floods and concentration of one hour and kind.
    Anomaly(Anomaly),
    /// What was seen and what became of it while the file was written.
    Counters(CountersLine),
    /// Flows of one day, leg and kind; in day files.
    Day(DayCell),
    /// How many values a dimension has; in day files.
    Distinct(Distinct),
}

/// First line of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Kinds of fewer flows than this are not told apart ([`Level::k`]).
    pub k: u64,
    /// Noise in the counts.
    pub dp: Option<DifferentialPrivacy>,
    /// Where countries come from; `null`: every public address is `??`.
    pub geo: Option<Geo>,
    /// The host's relays, as their descriptors publish them anyway.
    pub relays: Vec<Relay>,
    /// How many exclusion rules held; their values are not told.
    pub exclusions: u32,
    /// Whether payload was looked at.
    pub payload: PayloadMode,
    /// Version of the meter.
    pub meter: String,
}

/// A relay of the metered host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// Its name; `null` where torrc gives none.
    pub nickname: Option<Nickname>,
    /// Ports over IPv4 to which it connects, in short: `accept 80,443` or `reject 25,119`
    /// (dir-spec, `p` line).
    pub exit_policy: String,
    /// Bytes a second that it gives to the network, on average; `null` where nothing is set.
    pub bandwidth_rate: Option<u64>,
    /// At most, in a second; `null` where nothing is set.
    pub bandwidth_burst: Option<u64>,
}

/// Counts are noisy: discrete Laplace, the same for every list of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DifferentialPrivacy {
    /// Of a whole release, in decimals.
    pub epsilon: String,
    /// How many flows one action changes at most: an assumption, since an exit can't link flows to
    /// a person.
    pub bound: u64,
    /// What one release covers.
    pub period: Period,
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
/// `start` comes first and numbers come last, so that sorting lines as text groups like flows of
/// one hour or minute and forgets the order in which they ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicRecord {
    /// Hour or minute in which this part began.
    pub start: Start,
    /// What kind of flow it is.
    #[serde(flatten)]
    pub traits: Traits,
    /// Wire packets, both directions; as the level tells them ([`Level::packets`]).
    pub packets: u64,
    /// Wire bytes, both directions ([`Level::bytes`]).
    pub bytes: u64,
    /// First to last packet of this part, milliseconds ([`Level::duration_ms`]).
    pub duration_ms: u64,
}

/// What is told of a flow beside its time and size.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Traits {
    /// Whose traffic it is.
    pub leg: Leg,
    /// How the leg is known.
    pub leg_basis: LegBasis,
    /// Transport protocol.
    pub transport: Transport,
    /// 4 or 6.
    pub ip_version: u8,
    /// Protocol and application.
    pub label: Label,
    /// nDPI category.
    pub category: Cow<'static, str>,
    /// How the label was found.
    pub method: Method,
    /// The port or the address alone gave the label.
    pub guessed: bool,
    /// How sure the label is.
    pub confidence: Confidence,
    /// What of the payload was looked at.
    pub sample: Sample,
    /// Of the opener.
    pub source_country: Country,
    /// Of the other side.
    pub destination_country: Country,
    /// What the country data flags of the opener; `null` where it has no flags.
    pub source_proxy: Option<Proxy>,
    /// The same of the other side.
    pub destination_proxy: Option<Proxy>,
    /// Port of the other side; `null` for transports without ports.
    pub destination_port: Option<Port>,
    /// Of the first request; a family below level thesis.
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

    /// What has been added since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            flows: self.flows.saturating_sub(earlier.flows),
            packets: self.packets.saturating_sub(earlier.packets),
            bytes: self.bytes.saturating_sub(earlier.bytes),
        }
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
    /// Transport protocol; `null` for the rest, of kinds too small to be told.
    pub transport: Option<Transport>,
    /// What the transport showed; `null` for the rest.
    pub outcome: Option<Outcome>,
    /// Range of the other side's port; `null` for the rest, and for transports without ports.
    pub port_class: Option<PortClass>,
    /// Flows.
    pub flows: u64,
    /// Wire packets.
    pub packets: u64,
    /// Wire bytes.
    pub bytes: u64,
}

/// Exact sums over every record of one hour and leg, failed ones included. A leg's hour of fewer
/// than k flows is in the next hour's line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statistics {
    /// Hour in which the flows began.
    pub hour: Hour,
    /// Whose traffic it is; `other` for what legs of too few flows had left at the end.
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
    /// Of all, flows whose label is a guess.
    pub guessed: u64,
    /// Time from first to last packet, summed over all, milliseconds.
    pub duration_ms: u64,
    /// `duration_ms` over flows, rounded down.
    pub mean_duration_ms: u64,
    /// Countries of openers.
    pub source_countries: u64,
    /// Countries of the other sides.
    pub destination_countries: u64,
}

/// Sums of one relay of a host that has several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayStatistics {
    /// Which.
    pub relay: Nickname,
    /// Of its flows alone.
    #[serde(flatten)]
    pub statistics: Statistics,
}

/// What was seen, and what became of it, during some hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountersLine {
    /// First hour.
    pub since: Hour,
    /// Last hour.
    pub until: Hour,
    /// Of these hours.
    #[serde(flatten)]
    pub counters: Counters,
}

/// Counters of everything that is in no record. seen = the flows' packets + all that follows it up
/// to `unsupported`, but for flows that are under way at either end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counters {
    /// By the hooks.
    pub seen: Volume,
    /// [`Reason::NotIp`].
    pub not_ip: Volume,
    /// [`Reason::Malformed`].
    pub malformed: Volume,
    /// [`Reason::LaterFragment`].
    pub later_fragment: Volume,
    /// [`Reason::Excluded`].
    pub excluded: Volume,
    /// [`Reason::OtherInterface`].
    pub other_interface: Volume,
    /// [`Reason::OverflowLost`].
    pub overflow_lost: Volume,
    /// [`Reason::LateLost`].
    pub late_lost: Volume,
    /// Of link types that a replay can't read.
    pub unsupported: Volume,
    /// Late and overflow packets that a crash swallowed.
    pub lost_in_crash: Volume,
    /// Flows that were dropped at the start of this version: another one, whose tables it can't
    /// read, had been killed. What they had counted since their last record is in no file.
    pub lost_in_upgrade: u64,
    /// Records that were dropped because the disk took nothing and the queue was full.
    pub unwritten: Sum,
    /// Payload samples lost to a full ring: a label may suffer, no count does.
    pub samples_lost: u64,
    /// Payload samples that were not looked at because too many flows were undecided.
    pub samples_shed: u64,
    /// What happened to the host meanwhile.
    pub host: HostChanges,
}

impl Counters {
    /// Those that the kernel keeps.
    #[must_use]
    pub fn of(books: &Books) -> Self {
        let reason = |reason: Reason| Volume::from(books.reasons[reason as usize]);
        Self {
            seen: books.seen_total().into(),
            not_ip: reason(Reason::NotIp),
            malformed: reason(Reason::Malformed),
            later_fragment: reason(Reason::LaterFragment),
            excluded: reason(Reason::Excluded),
            other_interface: reason(Reason::OtherInterface),
            overflow_lost: reason(Reason::OverflowLost),
            late_lost: reason(Reason::LateLost),
            samples_lost: books.samples_lost,
            ..Self::default()
        }
    }

    /// What has been added since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            seen: self.seen.since(earlier.seen),
            not_ip: self.not_ip.since(earlier.not_ip),
            malformed: self.malformed.since(earlier.malformed),
            later_fragment: self.later_fragment.since(earlier.later_fragment),
            excluded: self.excluded.since(earlier.excluded),
            other_interface: self.other_interface.since(earlier.other_interface),
            overflow_lost: self.overflow_lost.since(earlier.overflow_lost),
            late_lost: self.late_lost.since(earlier.late_lost),
            unsupported: self.unsupported.since(earlier.unsupported),
            lost_in_crash: self.lost_in_crash.since(earlier.lost_in_crash),
            lost_in_upgrade: self.lost_in_upgrade.saturating_sub(earlier.lost_in_upgrade),
            unwritten: self.unwritten.since(earlier.unwritten),
            samples_lost: self.samples_lost.saturating_sub(earlier.samples_lost),
            samples_shed: self.samples_shed.saturating_sub(earlier.samples_shed),
            host: self.host.since(&earlier.host),
        }
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

impl Volume {
    /// What has been added since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            packets: self.packets.saturating_sub(earlier.packets),
            bytes: self.bytes.saturating_sub(earlier.bytes),
        }
    }
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

#[cfg(test)]
mod tests;
