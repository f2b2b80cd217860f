//! The types of single fields.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, ToSpan, civil::Date};
use serde::{Deserialize, Serialize};

use crate::packet::protocol;

/// Value that a field's text does not stand for. The text is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid(pub(super) &'static str);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not {}", self.0)
    }
}

impl std::error::Error for Invalid {}

const HOUR_SECONDS: i64 = 3600;
const MINUTE_SECONDS: i64 = 60;

/// A full hour, UTC; RFC 3339 in files (`2026-11-22T15:00:00Z`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "Timestamp", try_from = "Timestamp")]
pub struct Hour(Timestamp);

impl Hour {
    /// The hour that `at` lies in.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        let into = at.as_second().rem_euclid(HOUR_SECONDS);
        // Only the first hour that Timestamp can hold has no full hour before it.
        Self(Timestamp::from_second(at.as_second() - into).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// Its begin.
    #[must_use]
    pub fn start(self) -> Timestamp {
        self.0
    }
}

impl From<Hour> for Timestamp {
    fn from(hour: Hour) -> Self {
        hour.0
    }
}

impl TryFrom<Timestamp> for Hour {
    type Error = Invalid;

    fn try_from(at: Timestamp) -> Result<Self, Invalid> {
        let hour = Self::of(at);
        (hour.0 == at).then_some(hour).ok_or(Invalid("a full hour"))
    }
}

/// Whose traffic a flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// Opened by the relay for a client of the Tor network.
    Exit,
    /// Between the relay and other relays, or clients of the network.
    Or,
    /// Directory traffic of the relay.
    Dir,
    /// Opened by this host to port 53 or 853.
    Dns,
    /// Opened by others, to something that is not the relay.
    Inbound,
    /// Opened by this host, and not by the relay.
    Local,
    /// From a capture that does not tell which end is the host.
    Unknown,
    /// Legs of too few flows.
    Other,
}

impl Leg {
    /// Its name in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exit => "exit",
            Self::Or => "or",
            Self::Dir => "dir",
            Self::Dns => "dns",
            Self::Inbound => "inbound",
            Self::Local => "local",
            Self::Unknown => "unknown",
            Self::Other => "other",
        }
    }
}

/// How a leg is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegBasis {
    /// The user whose socket sent the host's first packet.
    User,
    /// An address or port of the relay's torrc.
    Torrc,
    /// The other end is a relay or an authority of the consensus.
    Consensus,
    /// Ports, transport and the host's end; no user is known.
    Port,
    /// The hook that saw the first packet tells which end is this host.
    Hook,
    /// A rule of the operator.
    Rule,
    /// Nothing tells.
    None,
}

/// Hour or minute in which something began, UTC; RFC 3339 in files (`2026-11-22T15:04:00Z`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "Timestamp", try_from = "Timestamp")]
pub struct Start(Timestamp);

impl Start {
    /// That many minutes after the Unix epoch; the epoch where that is no date.
    #[must_use]
    pub fn from_minutes(minutes: i64) -> Self {
        let seconds = minutes.saturating_mul(MINUTE_SECONDS);
        Self(Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// Minutes since the Unix epoch.
    #[must_use]
    pub fn minutes(self) -> i64 {
        self.0.as_second() / MINUTE_SECONDS
    }

    /// The hour that it lies in.
    #[must_use]
    pub fn hour(self) -> Hour {
        Hour::of(self.0)
    }
}

impl From<Start> for Timestamp {
    fn from(start: Start) -> Self {
        start.0
    }
}

impl TryFrom<Timestamp> for Start {
    type Error = Invalid;

    fn try_from(at: Timestamp) -> Result<Self, Invalid> {
        let full = at.as_second() % MINUTE_SECONDS == 0 && at.subsec_nanosecond() == 0;
        full.then_some(Self(at)).ok_or(Invalid("a full minute"))
    }
}

/// Transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP, QUIC included.
    Udp,
    /// ICMP for IPv4.
    Icmp,
    /// ICMP for IPv6.
    Icmpv6,
    /// SCTP.
    Sctp,
    /// Anything else.
    Other,
}

impl Transport {
    /// From an IANA protocol number.
    #[must_use]
    pub fn from_number(number: u8) -> Self {
        match number {
            protocol::TCP => Self::Tcp,
            protocol::UDP => Self::Udp,
            protocol::ICMP => Self::Icmp,
            protocol::ICMPV6 => Self::Icmpv6,
            protocol::SCTP => Self::Sctp,
            _ => Self::Other,
        }
    }

    /// Whether it has ports.
    #[must_use]
    pub fn has_ports(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp | Self::Sctp)
    }
}

/// How a label was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// It was not.
    None,
    /// By payload.
    Dpi,
    /// By the server name in the payload.
    Host,
    /// By address.
    Address,
    /// By port alone.
    Port,
}

/// How sure a label is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// There is no label.
    #[default]
    None,
    /// A number alone spoke, the port's or the address's.
    Guess,
    /// The payload fits a protocol of which few bytes are fixed.
    Likely,
    /// The payload proves the protocol; or the IP header names it.
    Certain,
}

/// What one release with noise covers, in whole days, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A day.
    Day,
    /// Monday to Sunday (ISO 8601).
    Week,
    /// A month of the calendar.
    Month,
}

impl Period {
    /// First and last day of the one that `day` lies in.
    #[must_use]
    pub fn around(self, day: Date) -> (Date, Date) {
        match self {
            Self::Day => (day, day),
            Self::Week => {
                let into = day.weekday().to_monday_zero_offset();
                let first = day.saturating_sub(into.days());
                (first, day.saturating_add((6 - into).days()))
            }
            Self::Month => (day.first_of_month(), day.last_of_month()),
        }
    }
}

impl FromStr for Period {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "day" => Ok(Self::Day),
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            _ => Err(Invalid("day, week or month")),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        })
    }
}

/// What of a flow's first payload bytes was looked at.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Sample {
    /// All that the meter takes, or as much as the label needed.
    Whole,
    /// A part of it went astray before the label was certain: a ring was full, too many flows were
    /// undecided, or the agent was killed.
    Lost,
    /// There was none, or none is taken.
    #[default]
    None,
}

/// What the transport showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The other side sent something that is not a refusal.
    Answered,
    /// The other side answered a SYN with RST.
    Refused,
    /// The other side sent nothing.
    NoAnswer,
}

/// Zone of the times in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeZone {
    /// Coordinated universal time.
    #[default]
    #[serde(rename = "UTC")]
    Utc,
}

/// Whether payload was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayloadMode {
    /// No byte of it left the kernel.
    None,
    /// First bytes of each direction.
    #[default]
    Sample,
}

/// Kind of country data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GeoSource {
    /// tor's `geoip` and `geoip6` files.
    #[serde(rename = "tor-geoipdb")]
    TorGeoipdb,
    /// A database in MaxMind's format.
    #[serde(rename = "mmdb")]
    Mmdb,
    /// The text export of IPFire's location database.
    #[serde(rename = "libloc")]
    Libloc,
}
