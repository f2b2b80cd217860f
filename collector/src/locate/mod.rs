//! Where a flow's ends are, and whose traffic it is.

pub mod asn;
pub mod geoip;
pub mod leg;
mod reserved;

use collector_common::{
    flow::Flow,
    schema::{Country, Leg, LegBasis},
};

use asn::Systems;
use geoip::Countries;

/// What is told of a flow's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Whose traffic it is.
    pub leg: Leg,
    /// How that is known.
    pub leg_basis: LegBasis,
    /// Country of the opener.
    pub source: Country,
    /// Country of the other side.
    pub destination: Country,
}

/// Places of a flow.
#[must_use]
pub fn places(flow: &Flow, countries: &Countries) -> Places {
    let (leg, leg_basis) = leg::leg(flow);
    let opener = flow.entry.opener();
    let country = |side: collector_common::key::Side| {
        countries.lookup(&flow.key.address[side.index()], flow.key.version)
    };
    Places {
        leg,
        leg_basis,
        source: country(opener),
        destination: country(opener.other()),
    }
}

/// The autonomous system that a flow's opener speaks to. Where that end has none, the opener's: of
/// a flow taken up in mid-stream the opener may be the server.
#[must_use]
pub fn system(flow: &Flow, systems: &Systems) -> Option<u32> {
    let opener = flow.entry.opener();
    [opener.other(), opener]
        .into_iter()
        .find_map(|side| systems.lookup(&flow.key.address[side.index()], flow.key.version))
}
