//! What a record says of who opened what: as hashes, which is all that the detector sees.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::LazyLock,
};

use collector_common::{
    expiry::End,
    flow::{Flow, OpenerBasis},
    key::Side,
    packet::{protocol, tcp},
    schema::{Direction, Leg, Outcome, PortClass},
};

use crate::{
    anonymize::{is_failed, outcome, responder_port},
    locate::Places,
    record::Record,
};

/// The random key of this process (SipHash): nobody can choose addresses whose hashes meet.
static KEYED: LazyLock<RandomState> = LazyLock::new(RandomState::new);

const MINUTE: u64 = 60_000_000_000;

/// An opening, by hashes of its addresses.
#[derive(Clone, Copy)]
pub struct Sighting {
    pub(super) scope: Scope,
    /// Address of the opener.
    pub(super) source: u64,
    /// Address of the other side.
    pub(super) destination: u64,
    /// That was opened.
    pub(super) port: u16,
    pub(super) opening: Opening,
    /// Wire packets, both directions.
    pub(super) packets: u64,
    /// Of these, in one minute: a record may be of an hour.
    pub(super) packets_per_minute: u64,
}

/// Openings that are never counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) leg: Leg,
    pub(super) direction: Direction,
    /// Else UDP.
    pub(super) is_tcp: bool,
}

/// What came of an opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// The other side answered, and the opener went on.
    Answered,
    /// It did not, or refused; or the opener had nothing to say.
    Failed,
    /// The opener never completed the handshake, whatever the other side said.
    Uncompleted,
}

impl Sighting {
    /// What `record` says; `None` of other transports than TCP and UDP, of later parts of a flow, of
    /// TCP whose SYN was not seen, and of long flows that the meter's own stop ends all at once.
    #[must_use]
    pub fn of(record: &Record, places: &Places) -> Option<Self> {
        let flow = &record.flow;
        let is_tcp = flow.key.protocol == protocol::TCP;
        let syn = OpenerBasis::from_number(flow.entry.basis) == OpenerBasis::Syn;
        let opens = flow.entry.part == 0 && (syn || flow.key.protocol == protocol::UDP);
        let lasted = flow.entry.last.saturating_sub(flow.entry.since);
        if !opens || (record.end == End::Shutdown && lasted > MINUTE) {
            return None;
        }
        let packets = record.counts[0].plus(record.counts[1]).packets;
        let per_minute = u128::from(packets) * u128::from(MINUTE) / u128::from(lasted.max(MINUTE));
        let opener = flow.entry.opener();
        Some(Self {
            scope: Scope {
                leg: places.leg,
                direction: places.direction,
                is_tcp,
            },
            source: address(flow, opener),
            destination: address(flow, opener.other()),
            port: responder_port(flow),
            opening: opening(flow, is_tcp),
            packets,
            // Never more than `packets`.
            packets_per_minute: per_minute as u64,
        })
    }

    /// Range of the port.
    pub(super) fn port_class(&self) -> PortClass {
        PortClass::of(self.port)
    }
}

/// Hashes are hidden, too.
impl fmt::Debug for Sighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sighting").finish_non_exhaustive()
    }
}

fn address(flow: &Flow, side: Side) -> u64 {
    KEYED.hash_one((flow.key.address[side.index()], flow.key.version))
}

/// A UDP exchange of few packets is a whole one; a TCP connection of few has carried nothing.
fn opening(flow: &Flow, is_tcp: bool) -> Opening {
    let opener = &flow.entry.directions[flow.entry.opener().index()];
    if is_tcp && opener.flags & u64::from(tcp::ACK) == 0 {
        Opening::Uncompleted
    } else if outcome(flow) != Outcome::Answered || (is_tcp && is_failed(flow)) {
        Opening::Failed
    } else {
        Opening::Answered
    }
}
