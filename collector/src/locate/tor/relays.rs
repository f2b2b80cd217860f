//! The host's own relays: which of them a flow is of.

use collector_common::schema::Nickname;
use hashbrown::{HashMap, HashSet};

use super::{
    consensus::Service,
    torrc::{Bandwidth, ExitPolicy, Listener, Torrc},
    user::Accounts,
};
use crate::locate::ip::{Endpoint, Ip};

/// What tor calls a relay without a name.
const UNNAMED: &str = "Unnamed";

/// A relay's number among the host's; `None` where several claim the same.
type Claim = Option<usize>;

/// What a file's header tells of a relay, which its descriptor publishes anyway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its name, if torrc gives one.
    pub nickname: Option<Nickname>,
    /// Where it connects to.
    pub exit_policy: ExitPolicy,
    /// What it gives to the network.
    pub bandwidth: Bandwidth,
}

/// The host's own relays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relays {
    told: Vec<Description>,
    /// What listens where, with whose it is.
    listeners: Vec<(Listener, Service, usize)>,
    by_user: HashMap<u32, Claim>,
    by_address: HashMap<Ip, Claim>,
}

impl Relays {
    /// Of these torrc files; those that make no relay are passed over.
    #[must_use]
    pub fn of(torrcs: &[Torrc], accounts: &Accounts) -> Self {
        let mut relays = Self::default();
        for torrc in torrcs.iter().filter(|torrc| torrc.is_relay) {
            let number = relays.told.len();
            relays.told.push(Description {
                nickname: torrc.nickname,
                exit_policy: torrc.exit_policy.clone(),
                bandwidth: torrc.bandwidth,
            });
            for (ports, service) in [
                (&torrc.or_ports, Service::Or),
                (&torrc.dir_ports, Service::Dir),
            ] {
                let listeners = ports.iter().map(|port| (*port, service, number));
                relays.listeners.extend(listeners);
            }
            let user = torrc.user.as_ref().and_then(|user| accounts.id(user));
            if let Some(user) = user {
                claim(&mut relays.by_user, user, number);
            }
            let addresses: HashSet<_> = torrc.outbound.iter().copied().collect();
            for address in addresses {
                claim(&mut relays.by_address, address, number);
            }
        }
        // A port on one address is meant before one on all.
        relays
            .listeners
            .sort_by_key(|(listener, ..)| listener.ip.is_none());
        relays
    }

    /// What is served at this end of the host, and by which relay.
    #[must_use]
    pub fn listener(&self, local: &Endpoint) -> Option<(Service, usize)> {
        let mut listeners = self.listeners.iter();
        let found = listeners.find(|(listener, ..)| listener.serves(local))?;
        Some((found.1, found.2))
    }

    /// Which relay sends by sockets of this user or, if that does not tell, from this address.
    #[must_use]
    pub fn sender(&self, user: Option<u32>, from: &Ip) -> Option<usize> {
        let by_user = user.and_then(|user| self.by_user.get(&user).copied().flatten());
        by_user.or_else(|| self.by_address.get(from).copied().flatten())
    }

    /// The one relay, where there is no other.
    #[must_use]
    pub fn only(&self) -> Option<usize> {
        (self.told.len() == 1).then_some(0)
    }

    /// The relay's name.
    #[must_use]
    pub fn name(&self, number: usize) -> Option<Nickname> {
        let relay = self.told.get(number)?;
        relay.nickname.or_else(|| UNNAMED.parse().ok())
    }

    /// What a header tells of them.
    #[must_use]
    pub fn descriptions(&self) -> &[Description] {
        &self.told
    }
}

fn claim<K: std::hash::Hash + Eq>(claims: &mut HashMap<K, Claim>, key: K, number: usize) {
    let several = |claimed: &mut Claim| *claimed = None;
    claims
        .entry(key)
        .and_modify(several)
        .or_insert(Some(number));
}
#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn ip(text: &str) -> Ip {
        text.parse::<IpAddr>().unwrap().into()
    }

    fn end(address: &str, port: u16) -> Endpoint {
        Endpoint {
            ip: ip(address),
            port,
        }
    }

    fn torrc(name: &str, user: u32, or_port: Listener, outbound: &[&str]) -> Torrc {
        Torrc {
            is_relay: true,
            nickname: name.parse().ok(),
            user: Some(super::super::user::User::Id(user)),
            or_ports: vec![or_port],
            outbound: outbound.iter().map(|text| ip(text)).collect(),
            ..Torrc::default()
        }
    }

    fn on(address: Option<&str>, port: u16) -> Listener {
        Listener {
            ip: address.map(ip),
            version: None,
            port,
        }
    }

    fn relays(torrcs: &[Torrc]) -> Relays {
        Relays::of(torrcs, &Accounts::default())
    }

    #[test]
    fn a_port_on_one_address_is_meant_before_the_same_on_all() {
        let relays = relays(&[
            torrc("all", 1, on(None, 9001), &[]),
            torrc("one", 2, on(Some("2001:db8::1"), 9001), &[]),
        ]);
        assert_eq!(
            relays.listener(&end("2001:db8::1", 9001)),
            Some((Service::Or, 1))
        );
        assert_eq!(
            relays.listener(&end("192.0.2.1", 9001)),
            Some((Service::Or, 0))
        );
        assert_eq!(relays.listener(&end("192.0.2.1", 9002)), None);
    }

    #[test]
    fn a_user_or_an_address_that_two_relays_share_tells_neither() {
        let shared = relays(&[
            torrc("a", 7, on(None, 1), &["192.0.2.1", "192.0.2.9"]),
            torrc(
                "b",
                7,
                on(None, 2),
                &["192.0.2.2", "192.0.2.9", "192.0.2.9"],
            ),
        ]);
        assert_eq!(shared.sender(Some(7), &ip("192.0.2.2")), Some(1));
        assert_eq!(shared.sender(Some(7), &ip("192.0.2.9")), None);
        assert_eq!(shared.sender(None, &ip("192.0.2.1")), Some(0));
        assert_eq!(shared.only(), None);
    }

    #[test]
    fn a_relays_user_tells_more_than_its_address() {
        let relays = relays(&[
            torrc("a", 7, on(None, 1), &["192.0.2.1"]),
            torrc("b", 8, on(None, 2), &["192.0.2.2"]),
        ]);
        assert_eq!(relays.sender(Some(8), &ip("192.0.2.1")), Some(1));
        assert_eq!(relays.name(1), "b".parse().ok());
    }

    #[test]
    fn a_relay_without_a_name_is_called_as_tor_calls_it_and_a_client_is_none() {
        let mut unnamed = torrc("", 1, on(None, 1), &[]);
        let client = Torrc::default();
        let known = relays(&[client, unnamed.clone()]);
        assert_eq!(known.only(), Some(0));
        assert_eq!(known.name(0), "Unnamed".parse().ok());
        unnamed.is_relay = false;
        assert!(relays(&[unnamed]).descriptions().is_empty());
    }
}
