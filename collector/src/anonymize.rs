//! The one way from a [`Record`], which holds addresses and names, to what may be published.

pub mod agent;
pub mod budget;
pub mod noise;
pub mod promise;
pub mod suppress;
pub mod traces;

use std::borrow::Cow;

use collector_common::{
    flow::{Flow, OpenerBasis},
    packet::{protocol, tcp},
    schema::{self, FAILED_PACKETS, Level, Outcome, Sum, Traits, Transport},
};

use crate::{
    anonymize::agent::Agents,
    inspect::{self, Inspection, Label, Method},
    locate::Places,
    record::Record,
    sink::entry::{Entered, Kind, Size},
};

/// What goes to the spool of `record`, which began `minutes` after the Unix epoch. `agents` saves
/// work and changes nothing.
#[must_use]
pub fn anonymize(
    record: &Record,
    places: &Places,
    level: Level,
    minutes: i64,
    agents: &mut Agents,
) -> Entered {
    let count = record.counts[0].plus(record.counts[1]);
    let entry = &record.flow.entry;
    let agent_family = family(&record.inspection);
    Entered {
        kind: Kind {
            traits: Traits {
                user_agent: told_agent(&record.inspection, agent_family, level, agents),
                ..traits(record, places, level)
            },
            agent_family: agent_family.map(Cow::Borrowed),
            relay: places.relay,
        },
        start: level.minutes(minutes),
        size: Size {
            sum: Sum::one(count),
            duration_ms: entry.last.saturating_sub(entry.since) / 1_000_000,
        },
    }
}

/// All but the user agent.
fn traits(record: &Record, places: &Places, level: Level) -> Traits {
    let Record {
        flow,
        end,
        inspection,
        sample,
        ..
    } = record;
    let transport = Transport::from_number(flow.key.protocol);
    Traits {
        leg: places.leg,
        leg_basis: places.leg_basis,
        transport,
        ip_version: if flow.key.is_v6() { 6 } else { 4 },
        label: label(inspection.label),
        category: Cow::Borrowed(inspection.category),
        method: method(inspection.method),
        guessed: inspection.guessed,
        confidence: inspection.confidence,
        sample: *sample,
        source_country: places.source.country,
        destination_country: places.destination.country,
        source_proxy: places.source.proxy,
        destination_proxy: places.destination.proxy,
        destination_port: transport
            .has_ports()
            .then(|| level.port(responder_port(flow))),
        user_agent: None,
        content_type: inspection
            .content_type
            .as_deref()
            .map(|media| Cow::Borrowed(inspect::media::registered(media))),
        end: *end,
        outcome: outcome(flow),
        failed: is_failed(flow),
        opener_basis: OpenerBasis::from_number(flow.entry.basis),
    }
}

/// What a level tells of a user agent. Of a name that nothing is left of, the family is told.
fn told_agent(
    inspection: &Inspection,
    family: Option<&'static str>,
    level: Level,
    agents: &mut Agents,
) -> Option<Cow<'static, str>> {
    let raw = inspection.user_agent.as_ref()?;
    let sanitised = match level {
        Level::Thesis => agents.sanitised(raw.reveal()),
        Level::Coarse | Level::Aggregate => None,
    };
    sanitised.map(Cow::Owned).or(family.map(Cow::Borrowed))
}

fn family(inspection: &Inspection) -> Option<&'static str> {
    let agent = inspection.user_agent.as_ref()?;
    Some(inspect::useragent::family(agent.reveal()))
}

/// Whether the flow counts as failed. The rule looks at the whole flow: the short rest behind an
/// active cut is no failure.
pub(crate) fn is_failed(flow: &Flow) -> bool {
    let [first, second] = &flow.entry.directions;
    first.tally.plus(second.tally).packets <= FAILED_PACKETS
}

/// What the transport showed. A RST from a side that never sent a SYN of its own answers the SYN
/// (RFC 9293, section 3.10.7.1). ICMP errors are flows of their own, so they are not seen here.
pub(crate) fn outcome(flow: &Flow) -> Outcome {
    let answer = &flow.entry.directions[flow.entry.opener().other().index()];
    let shows = |flag: u8| answer.flags & u64::from(flag) != 0;
    let opened = OpenerBasis::from_number(flow.entry.basis) == OpenerBasis::Syn;
    if answer.tally.packets == 0 {
        Outcome::NoAnswer
    } else if flow.key.protocol == protocol::TCP && opened && shows(tcp::RST) && !shows(tcp::SYN) {
        Outcome::Refused
    } else {
        Outcome::Answered
    }
}

/// Port of the side that did not open the flow.
pub(crate) fn responder_port(flow: &Flow) -> u16 {
    flow.key.port[flow.entry.opener().other().index()]
}

/// A label as files have it.
pub(crate) fn label(label: Label) -> schema::Label {
    schema::Label {
        master: Cow::Borrowed(label.master),
        app: (label.app != label.master).then_some(Cow::Borrowed(label.app)),
    }
}

/// How a label was found, as files have it.
pub(crate) fn method(method: Method) -> schema::Method {
    match method {
        Method::None => schema::Method::None,
        Method::Dpi => schema::Method::Dpi,
        Method::Host => schema::Method::Host,
        Method::Address => schema::Method::Address,
        Method::Port => schema::Method::Port,
    }
}
