//! What counts as an anomaly: the thresholds, all in one place, each for one minute.
//!
//! They lie above what published rules take for one suspicious host, since behind an exit's address
//! are thousands of clients, and so far above k that an anomaly always has flows enough to be told.

use collector_common::schema::{AnomalyKind, AnomalyTraits, PortClass};

use super::{
    distinct::Distinct,
    sighting::{Opening, Scope, Sighting},
};

/// Destinations, or ports of one destination. Zeek takes 25 hosts or 15 ports in five minutes
/// (policy/misc/scan), ntopng 256 SYN in a minute (syn_scan): so in one minute a Zeek's threshold 20
/// times over.
pub(super) const SCANNED: u64 = 100;
/// Failed openings for each that was answered, of a scan: two of three flows failed.
const FAILED_FOR_ANSWERED: u64 = 2;
/// Flows to one destination, or with one peer. ntopng alerts at 256 a second of either kind
/// (syn_flood, flow_flood): this is what such a flood has after twelve seconds.
pub(super) const FLOOD: u64 = 3_000;
/// UDP packets to one destination: 10,000 a second, in at least as many flows as a scan has.
const FLOOD_PACKETS: u64 = 600_000;
/// Openings for each port that they went to, of a flood from few sources: fewer are a port scan.
const FOR_EACH_PORT: u64 = 4;

/// What is known of the flows that share a key.
#[derive(Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) flows: u64,
    pub(super) packets: u64,
    scope: Option<Scope>,
    /// By [`PortClass`].
    ports_in: [bool; 2],
}

impl Sums {
    fn add(&mut self, seen: &Sighting) {
        self.flows += 1;
        self.packets = self.packets.saturating_add(seen.packets);
        self.scope = Some(seen.scope);
        self.ports_in[seen.port_class() as usize] = true;
    }

    /// As an anomaly of `kind`.
    pub(super) fn traits(&self, kind: AnomalyKind) -> Option<AnomalyTraits> {
        let scope = self.scope?;
        Some(AnomalyTraits {
            leg: scope.leg,
            kind,
            direction: scope.direction,
            port_class: match self.ports_in {
                [true, false] => Some(PortClass::Registered),
                [false, true] => Some(PortClass::Dynamic),
                _ => None,
            },
        })
    }
}

/// Failed openings by one source: to many destinations, or to many ports of one.
#[derive(Clone, Copy, Default)]
pub(super) struct Scan {
    pub(super) sums: Sums,
    /// Of the same source, port or destination.
    pub(super) answered: u64,
    places: Distinct,
}

impl Scan {
    /// `place` is the hash of what differs.
    pub(super) fn add(&mut self, seen: &Sighting, place: u64) {
        self.sums.add(seen);
        self.places.insert(place);
    }

    pub(super) fn is_scan(&self) -> bool {
        self.places.estimate() >= SCANNED
            && self.sums.flows >= SCANNED
            && self.sums.flows >= FAILED_FOR_ANSWERED.saturating_mul(self.answered)
    }

    /// UDP has no handshake that would tell a scan of all ports from a flood at random ports: what is
    /// as fast as a flood is one.
    pub(super) fn is_port_scan(&self) -> bool {
        let is_tcp = self.sums.scope.is_some_and(|scope| scope.is_tcp);
        self.is_scan() && (is_tcp || self.sums.flows < FLOOD)
    }
}

/// Openings of one destination that came to nothing.
#[derive(Clone, Copy, Default)]
pub(super) struct Flood {
    pub(super) sums: Sums,
    packets_per_minute: u64,
    sources: Distinct,
    ports: Distinct,
}

impl Flood {
    /// Whether an opening may be part of a flood.
    pub(super) fn takes(seen: &Sighting) -> bool {
        let wanted = if seen.scope.is_tcp {
            Opening::Uncompleted
        } else {
            Opening::Failed
        };
        seen.opening == wanted
    }

    pub(super) fn add(&mut self, seen: &Sighting, port: u64) {
        self.sums.add(seen);
        let packets = self
            .packets_per_minute
            .saturating_add(seen.packets_per_minute);
        self.packets_per_minute = packets;
        self.sources.insert(seen.source);
        self.ports.insert(port);
    }

    pub(super) fn kind(&self) -> Option<AnomalyKind> {
        let flows = self.sums.flows;
        if self.sums.scope?.is_tcp {
            let few_ports = flows / FOR_EACH_PORT >= self.ports.estimate();
            let many_sources = self.sources.estimate() >= SCANNED;
            let is_flood = flows >= FLOOD && (few_ports || many_sources);
            is_flood.then_some(AnomalyKind::SynFlood)
        } else {
            let heavy = flows >= SCANNED && self.packets_per_minute >= FLOOD_PACKETS;
            (flows >= FLOOD || heavy).then_some(AnomalyKind::UdpFlood)
        }
    }
}

/// Answered connections with one peer.
#[derive(Clone, Copy, Default)]
pub(super) struct Peer(pub(super) Sums);

impl Peer {
    pub(super) fn add(&mut self, seen: &Sighting) {
        self.0.add(seen);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.0.flows >= FLOOD
    }
}

#[cfg(test)]
mod tests {
    use collector_common::schema::Level;

    use super::*;

    #[test]
    fn every_anomaly_has_flows_enough_to_be_told() {
        let most = [Level::Aggregate, Level::Coarse, Level::Thesis].map(Level::k);
        assert!(most.into_iter().all(|k| k <= SCANNED.min(FLOOD)));
    }
}
