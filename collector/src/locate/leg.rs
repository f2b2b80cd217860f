//! Whose traffic a flow is: the host's relays', other relays', the host's own, or somebody's who
//! knocks. The rules stand in the order in which they are asked.

mod rule;
mod source;

use std::sync::Arc;

use collector_common::{
    books::Hook,
    flow::{Flow, NO_USER, OpenerBasis},
    key::{Address, Side},
    packet::protocol,
    schema::{Direction, Leg, LegBasis, Nickname, Relay},
};
use hashbrown::HashSet;

use super::{
    ip::{Endpoint, Ip},
    tor::{
        consensus::{Consensus, Service},
        relays::{Description, Relays},
    },
};

pub use rule::LegRule;
pub use source::{Config, Host, Known, OpenError, Source, Status};

/// DNS and DNS over TLS or QUIC (RFC 7858, RFC 9250).
const DNS_PORTS: [u16; 2] = [53, 853];

/// Whose traffic a flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Whose.
    pub leg: Leg,
    /// How that is known.
    pub basis: LegBasis,
    /// Of which of the host's relays.
    pub relay: Option<Nickname>,
    /// Who opened it.
    pub direction: Direction,
}

/// What tells legs apart, at one moment.
#[derive(Debug, Default)]
pub struct Legs {
    /// The host's addresses.
    own: HashSet<Ip>,
    rules: Vec<LegRule>,
    relays: Relays,
    /// What relays run as; none known: ports decide.
    tor_users: HashSet<u32>,
    /// Of relays on one host mostly one and the same.
    consensuses: Vec<Arc<Consensus>>,
}

/// A flow as the host sees it.
#[derive(Clone, Copy, Debug)]
struct Seen {
    local: Endpoint,
    remote: Endpoint,
    opened_by_host: bool,
    protocol: u8,
    /// Of the host's socket.
    user: Option<u32>,
}

impl Seen {
    /// The port that the flow was opened to.
    fn port(&self) -> u16 {
        if self.opened_by_host {
            self.remote.port
        } else {
            self.local.port
        }
    }
}

impl Legs {
    /// Whose traffic `flow` is.
    #[must_use]
    pub fn owner(&self, flow: &Flow) -> Owner {
        if flow.entry.hook == Hook::Capture as u8 {
            return Owner {
                leg: Leg::Unknown,
                basis: LegBasis::None,
                relay: None,
                direction: Direction::Unknown,
            };
        }
        let seen = self.seen(flow);
        let (leg, basis) = self
            .by_rule(&seen)
            .or_else(|| self.between_relays(&seen))
            .unwrap_or_else(|| self.otherwise(&seen));
        Owner {
            leg,
            basis,
            relay: self.relay(leg, &seen),
            direction: if seen.opened_by_host {
                Direction::Out
            } else {
                Direction::In
            },
        }
    }

    /// Whether an address of IP `version` 4 or 6 is the host's.
    #[must_use]
    pub fn is_own(&self, address: &Address, version: u8) -> bool {
        self.own.contains(&Ip::new(*address, version))
    }

    /// What a file's header tells of the host's relays.
    #[must_use]
    pub fn describe(&self) -> &[Description] {
        self.relays.descriptions()
    }

    /// The same, as the header has it.
    #[must_use]
    pub fn relays(&self) -> Vec<Relay> {
        let relays = self.describe().iter();
        relays
            .map(|relay| Relay {
                nickname: relay.nickname,
                exit_policy: relay.exit_policy.to_string(),
                bandwidth_rate: relay.bandwidth.rate,
                bandwidth_burst: relay.bandwidth.burst,
            })
            .collect()
    }

    /// Name of the first of the host's relays that has one.
    #[must_use]
    pub fn nickname(&self) -> Option<Nickname> {
        self.describe().iter().find_map(|relay| relay.nickname)
    }

    fn seen(&self, flow: &Flow) -> Seen {
        let host = self.host_side(flow);
        Seen {
            local: Endpoint::of(flow, host),
            remote: Endpoint::of(flow, host.other()),
            opened_by_host: host == flow.entry.opener(),
            protocol: flow.key.protocol,
            user: Some(flow.entry.user).filter(|user| *user != NO_USER),
        }
    }

    /// Its address tells which end is the host; where both or neither is one of the host's, the
    /// hook of the first packet does.
    fn host_side(&self, flow: &Flow) -> Side {
        let [first, second] = flow.key.address.each_ref();
        let own = |address| self.is_own(address, flow.key.version);
        match (own(first), own(second)) {
            (true, false) => Side::First,
            (false, true) => Side::Second,
            _ if opened_by_host(flow) => flow.entry.opener(),
            _ => flow.entry.opener().other(),
        }
    }

    fn by_rule(&self, seen: &Seen) -> Option<(Leg, LegBasis)> {
        let rule = self.rules.iter().find(|rule| rule.matches(seen))?;
        Some((rule.leg(), LegBasis::Rule))
    }

    /// The host's end is where one of its relays is spoken to, whoever speaks; or the other end is
    /// where another relay is: exits refuse to connect there, so that no exit traffic is hit.
    fn between_relays(&self, seen: &Seen) -> Option<(Leg, LegBasis)> {
        if seen.protocol != protocol::TCP {
            return None;
        }
        if let Some((service, _)) = self.relays.listener(&seen.local) {
            return Some((leg_of(service), LegBasis::Torrc));
        }
        let listed = |end| self.consensuses.iter().find_map(|one| one.service(end));
        let service = listed(&seen.remote).or_else(|| listed(&seen.local))?;
        Some((leg_of(service), LegBasis::Consensus))
    }

    /// Exit streams are TCP of a relay's user.
    fn otherwise(&self, seen: &Seen) -> (Leg, LegBasis) {
        if !seen.opened_by_host {
            return (Leg::Inbound, LegBasis::Hook);
        }
        let tcp = seen.protocol == protocol::TCP;
        if (tcp || seen.protocol == protocol::UDP) && DNS_PORTS.contains(&seen.remote.port) {
            return (Leg::Dns, LegBasis::Port);
        }
        // Where no user is known to be a relay's, that of the socket tells nothing.
        let is_tor = match seen.user {
            Some(user) if !self.tor_users.is_empty() => Some(self.tor_users.contains(&user)),
            _ => None,
        };
        match is_tor {
            Some(false) => (Leg::Local, LegBasis::User),
            Some(true) if tcp => (Leg::Exit, LegBasis::User),
            None if tcp => (Leg::Exit, LegBasis::Port),
            _ => (Leg::Local, LegBasis::Port),
        }
    }

    /// Which of the host's relays a flow of `leg` is of.
    fn relay(&self, leg: Leg, seen: &Seen) -> Option<Nickname> {
        let sender = || self.relays.sender(seen.user, &seen.local.ip);
        let number = match leg {
            Leg::Exit | Leg::Or | Leg::Dir => {
                let listener = self.relays.listener(&seen.local);
                let number = listener.map(|(_, number)| number);
                number.or_else(sender).or_else(|| self.relays.only())
            }
            // A resolver that several share is none's.
            Leg::Dns => sender(),
            _ => None,
        };
        self.relays.name(number?)
    }
}

fn leg_of(service: Service) -> Leg {
    match service {
        Service::Or => Leg::Or,
        Service::Dir => Leg::Dir,
    }
}

/// The hook of the first packet tells where its sender is. Where that packet was the answer (the
/// SYN itself was missed), the opener is the other end.
fn opened_by_host(flow: &Flow) -> bool {
    let first_left = flow.entry.hook == Hook::Egress as u8;
    let first_was_answer = OpenerBasis::from_number(flow.entry.basis) == OpenerBasis::SynAck;
    first_left != first_was_answer
}

#[cfg(test)]
mod tests;
