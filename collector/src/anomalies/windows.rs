//! The flows of one minute, by source and port, source and destination, destination, and peer.

use collector_common::schema::{AnomalyKind, AnomalyTraits, Direction};

use super::{
    heavy::Heavy,
    kinds::{Flood, Peer, Scan, Sums},
    sighting::{Opening, Scope, Sighting},
};

/// Sets of eight keys in each table: 4,096 keys.
const SETS: usize = 512;

/// Bytes of all tables.
#[cfg(test)]
pub(super) const SIZE: usize =
    2 * Heavy::<Scan>::size(SETS) + Heavy::<Flood>::size(SETS) + Heavy::<Peer>::size(SETS);

/// Flows that are an anomaly together.
#[derive(Clone, Copy)]
pub(super) struct Finding {
    /// Hash of who does it, or suffers it; the same in each window.
    pub(super) key: u64,
    pub(super) traits: AnomalyTraits,
    pub(super) flows: u64,
    pub(super) packets: u64,
}

/// Tables of fixed size: 1.7 MiB (a test says so).
pub(super) struct Window {
    /// Of one source and port: scans of hosts.
    sweeps: Heavy<Scan>,
    /// Of one source and destination: scans of ports.
    pairs: Heavy<Scan>,
    /// To one destination.
    floods: Heavy<Flood>,
    peers: Heavy<Peer>,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            sweeps: Heavy::new(SETS),
            pairs: Heavy::new(SETS),
            floods: Heavy::new(SETS),
            peers: Heavy::new(SETS),
        }
    }

    pub(super) fn add(&mut self, seen: &Sighting) {
        let scope = number(seen.scope);
        let sweep = mix(seen.source ^ (u64::from(seen.port) << 16 | scope));
        let pair = mix(seen.source.rotate_left(1) ^ seen.destination.wrapping_add(scope));
        if seen.opening == Opening::Answered {
            // Who fails nowhere needs no place.
            if let Some(scan) = self.sweeps.get(sweep) {
                scan.answered += 1;
            }
            if let Some(scan) = self.pairs.get(pair) {
                scan.answered += 1;
            }
            if seen.scope.is_tcp {
                let peer = mix(peer(seen).wrapping_add(scope));
                self.peers.count(peer).add(seen);
            }
            return;
        }
        self.sweeps.count(sweep).add(seen, seen.destination);
        // With a secret, so that nobody can choose ports whose hashes meet.
        let port = mix(pair ^ u64::from(seen.port));
        self.pairs.count(pair).add(seen, port);
        if Flood::takes(seen) {
            let victim = mix(seen.destination.wrapping_add(scope));
            let port = mix(victim ^ u64::from(seen.port));
            self.floods.count(victim).add(seen, port);
        }
    }

    /// What is an anomaly; forgets all.
    pub(super) fn take(&mut self) -> Vec<Finding> {
        let sweeps = self.sweeps.iter().filter(|(_, scan)| scan.is_scan());
        let sweeps = sweeps.map(|(key, scan)| (key, scan.sums, AnomalyKind::HostScan));
        let pairs = self.pairs.iter().filter(|(_, scan)| scan.is_port_scan());
        let pairs = pairs.map(|(key, scan)| (key, scan.sums, AnomalyKind::PortScan));
        let floods = self.floods.iter();
        let floods = floods.filter_map(|(key, flood)| Some((key, flood.sums, flood.kind()?)));
        let peers = self.peers.iter().filter(|(_, peer)| peer.is_busy());
        let peers = peers.map(|(key, peer)| (key, peer.0, AnomalyKind::ManyConnections));
        let all = sweeps.chain(pairs).chain(floods).chain(peers);
        let found = all
            .filter_map(|(key, sums, kind)| finding(key, &sums, kind))
            .collect();
        self.sweeps.clear();
        self.pairs.clear();
        self.floods.clear();
        self.peers.clear();
        found
    }
}

fn finding(key: u64, sums: &Sums, kind: AnomalyKind) -> Option<Finding> {
    Some(Finding {
        key,
        traits: sums.traits(kind)?,
        flows: sums.flows,
        packets: sums.packets,
    })
}

/// The far end, as far as that is known.
fn peer(seen: &Sighting) -> u64 {
    match seen.scope.direction {
        Direction::In => seen.source,
        Direction::Out | Direction::Unknown => seen.destination,
    }
}

/// Different for different scopes, below 2^16.
fn number(scope: Scope) -> u64 {
    (scope.leg as u64) << 8 | (scope.direction as u64) << 1 | u64::from(scope.is_tcp)
}

/// Spreads what differs in few bits over all of them (Appleby's finaliser of MurmurHash3). What goes
/// in is a keyed hash already, so that nobody knows what comes out.
fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}
