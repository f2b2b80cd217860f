//! Where a flow's ends are, and whose traffic it is.

pub mod asn;
pub mod country;
mod data;
pub mod ip;
pub mod leg;
pub mod own;
mod reserved;
pub mod sources;
pub mod tor;
pub mod watched;

use std::sync::Arc;

use collector_common::{
    flow::Flow,
    key::Side,
    schema::{Country, Direction, Leg, LegBasis, Nickname, Proxy},
};

use asn::Systems;
use country::Countries;
use leg::{Legs, Owner};

/// What is told of one end's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// Its country, or why there is none.
    pub country: Country,
    /// `None` where the data has no such flags.
    pub proxy: Option<Proxy>,
}

/// What is told of a flow's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Whose traffic it is.
    pub leg: Leg,
    /// How that is known.
    pub leg_basis: LegBasis,
    /// The relay of this host whose traffic it is.
    pub relay: Option<Nickname>,
    /// Who opened it.
    pub direction: Direction,
    /// Of the opener.
    pub source: Location,
    /// Of the other side.
    pub destination: Location,
}

/// All that is known of addresses, at one moment: whoever learns more makes another one.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Countries of addresses.
    pub countries: Arc<Countries>,
    /// Autonomous systems of addresses.
    pub systems: Arc<Systems>,
    /// The host's own addresses, its relays, and other relays.
    pub legs: Arc<Legs>,
}

impl Surroundings {
    /// Places of a flow.
    #[must_use]
    pub fn places(&self, flow: &Flow) -> Places {
        let Owner {
            leg,
            basis,
            relay,
            direction,
        } = self.legs.owner(flow);
        let opener = flow.entry.opener();
        Places {
            leg,
            leg_basis: basis,
            relay,
            direction,
            source: self.location(flow, opener),
            destination: self.location(flow, opener.other()),
        }
    }

    fn location(&self, flow: &Flow, side: Side) -> Location {
        let address = &flow.key.address[side.index()];
        if self.legs.is_own(address, flow.key.version) {
            return Location {
                country: Country::HOST,
                proxy: None,
            };
        }
        self.countries.lookup(address, flow.key.version)
    }

    /// The autonomous system that a flow's opener speaks to. Where that end has none, the opener's:
    /// of a flow taken up in mid-stream the opener may be the server.
    #[must_use]
    pub fn system(&self, flow: &Flow) -> Option<u32> {
        let opener = flow.entry.opener();
        [opener.other(), opener].into_iter().find_map(|side| {
            self.systems
                .lookup(&flow.key.address[side.index()], flow.key.version)
        })
    }
}
