//! The types of single fields.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

/// How much is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Times to the hour, numbers to a power of two, ports when common.
    Coarse,
}

/// Zone of the times in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeZone {
    /// Coordinated universal time.
    #[serde(rename = "UTC")]
    Utc,
}

/// Whether payload was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayloadMode {
    /// No byte of it left the kernel.
    None,
    /// First bytes of each direction.
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

/// A number rounded down to a power of two; 0 stays 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u64", try_from = "u64")]
pub struct Bucket(u64);

impl Bucket {
    /// The bucket that `number` falls into.
    #[must_use]
    pub fn of(number: u64) -> Self {
        Self(number.checked_ilog2().map_or(0, |log| 1 << log))
    }

    /// Smallest number of the bucket.
    #[must_use]
    pub fn lower_bound(self) -> u64 {
        self.0
    }
}

impl From<Bucket> for u64 {
    fn from(bucket: Bucket) -> Self {
        bucket.0
    }
}

impl TryFrom<u64> for Bucket {
    type Error = Invalid;

    fn try_from(number: u64) -> Result<Self, Invalid> {
        let bucket = Self::of(number);
        (bucket.0 == number)
            .then_some(bucket)
            .ok_or(Invalid("a power of two"))
    }
}

/// Names the life of the kernel's maps; 16 hexadecimal digits in files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Lineage(pub u64);

impl From<Lineage> for String {
    fn from(lineage: Lineage) -> Self {
        format!("{:016x}", lineage.0)
    }
}

impl TryFrom<String> for Lineage {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        hexadecimal(&text)
            .map(Self)
            .ok_or(Invalid("a lineage of 16 hexadecimal digits"))
    }
}

/// A record within a lineage: `FLOW.PART`, the flow in 16 hexadecimal digits (JSON numbers above
/// 2^53 are not safe everywhere), the part in decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SpoolId {
    /// The flow's id in the kernel's table.
    pub flow: u64,
    /// Which of its parts.
    pub part: u32,
}

impl From<SpoolId> for String {
    fn from(id: SpoolId) -> Self {
        format!("{:016x}.{}", id.flow, id.part)
    }
}

impl TryFrom<String> for SpoolId {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let parse = || {
            let (flow, part) = text.split_once('.')?;
            Some(Self {
                flow: hexadecimal(flow)?,
                part: u32::from_str(part).ok()?,
            })
        };
        parse().ok_or(Invalid("a record id"))
    }
}

fn hexadecimal(text: &str) -> Option<u64> {
    let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u64::from_str_radix(text, 16).ok())?
}
