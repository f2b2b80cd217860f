//! How captures are replayed.

use collector_common::{
    books::Hook,
    packet::Packet,
    settings::{DEFAULT_TABLE_SIZE, Timeouts},
};

use crate::{
    exclusion::Exclusion, inspect::explain::Detail, locate::Surroundings, network::Network,
};

/// Where the capture was taken.
#[derive(Clone, Debug, Default)]
pub enum Vantage {
    /// Nobody says.
    #[default]
    Unknown,
    /// At a host with these addresses: what they send leaves it.
    Host(Vec<Network>),
    /// As if every packet had come by this hook.
    Hook(Hook),
}

impl Vantage {
    pub(super) fn hook(&self, packet: &Packet) -> Hook {
        match self {
            Self::Unknown => Hook::Capture,
            Self::Hook(hook) => *hook,
            Self::Host(networks) => {
                let source = (&packet.source, packet.version);
                if networks.iter().any(|own| own.contains(source.0, source.1)) {
                    Hook::Egress
                } else {
                    Hook::Ingress
                }
            }
        }
    }
}

/// When flows are cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timing {
    /// As live: on ticks of whole seconds, and by FIN and RST.
    #[default]
    Ticks,
    /// As NFStream, which sees packets as `--nfstream-timing` of the command tells: on arrival, by
    /// time alone; bytes are those of the captured frame, whatever its link header.
    NfStream,
}

/// How captures are replayed.
#[derive(Clone, Debug)]
pub struct ReplayConfig {
    /// Flows at a time, in all.
    pub table_size: u32,
    /// When flows end.
    pub timeouts: Timeouts,
    /// When that is looked at.
    pub timing: Timing,
    /// What is not metered.
    pub exclusions: Vec<Exclusion>,
    /// Payload is looked at.
    pub sampling: bool,
    /// Where the captures were taken.
    pub vantage: Vantage,
    /// What is known of addresses.
    pub surroundings: Surroundings,
    /// Threads beside the one that reads; 1: none.
    pub workers: usize,
    /// Inspections keep what led to them.
    pub explain: Option<Detail>,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        Self {
            table_size: DEFAULT_TABLE_SIZE,
            timeouts: Timeouts::DEFAULT,
            timing: Timing::Ticks,
            exclusions: Vec::new(),
            sampling: true,
            vantage: Vantage::Unknown,
            surroundings: Surroundings::default(),
            workers: 1,
            explain: None,
        }
    }
}
