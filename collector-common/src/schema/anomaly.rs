//! Scans, floods and concentration, counted: never whose they are.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Hour, Leg, PortClass};

/// What flows of one minute look like together, as intrusion detection names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnomalyKind {
    /// One source fails to open the same port of many destinations.
    HostScan,
    /// One source fails to open many ports of one destination.
    PortScan,
    /// Many TCP openings to one destination that their opener never completes.
    SynFlood,
    /// Many unanswered UDP flows to one destination.
    UdpFlood,
    /// Many answered TCP connections with one peer.
    ManyConnections,
}

impl AnomalyKind {
    /// Its name in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HostScan => "host_scan",
            Self::PortScan => "port_scan",
            Self::SynFlood => "syn_flood",
            Self::UdpFlood => "udp_flood",
            Self::ManyConnections => "many_connections",
        }
    }
}

/// Which end of a flow is the metered host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It was opened to the host.
    In,
    /// The host opened it.
    Out,
    /// A replayed capture did not tell.
    Unknown,
}

impl Direction {
    /// Its name in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Unknown => "unknown",
        }
    }
}

/// What anomalies are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AnomalyTraits {
    /// Whose traffic it is.
    pub leg: Leg,
    /// What it is.
    pub kind: AnomalyKind,
    /// Who opens.
    pub direction: Direction,
    /// Range of the destinations' ports; `null` where they are in both.
    pub port_class: Option<PortClass>,
}

impl fmt::Display for AnomalyTraits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = self.port_class.map_or("all", PortClass::as_str);
        let (kind, direction) = (self.kind.as_str(), self.direction.as_str());
        write!(
            f,
            "{kind} {direction}, leg {}, {ports} ports",
            self.leg.as_str()
        )
    }
}

/// Anomalies of one hour and kind. Each minute in it has more flows than k.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anomaly {
    /// Hour in which the records were made.
    pub hour: Hour,
    /// What they are.
    #[serde(flatten)]
    pub traits: AnomalyTraits,
    /// How many began: one for each source, pair, destination or peer.
    pub starts: u64,
    /// Flows that they are made of.
    pub flows: u64,
    /// Wire packets of these.
    pub packets: u64,
}

impl Anomaly {
    /// Adds `other`'s counts; stays at the largest number instead of wrapping.
    pub fn add(&mut self, other: &Self) {
        self.starts = self.starts.saturating_add(other.starts);
        self.flows = self.flows.saturating_add(other.flows);
        self.packets = self.packets.saturating_add(other.packets);
    }
}
