//! The one way from a [`Record`], which holds addresses and names, to what may be published.

pub mod agent;
pub mod traces;

use std::borrow::Cow;

use collector_common::{
    flow::{Flow, OpenerBasis},
    packet::{protocol, tcp},
    schema::{self, Bucket, FAILED_PACKETS, Hour, Outcome, Port, PublicRecord, Transport},
};

use crate::{
    inspect::{self, Label, Method},
    locate::Places,
    record::Record,
};

/// What may be published of `record`, which began in `hour`.
#[must_use]
pub fn anonymize(record: &Record, places: &Places, hour: Hour) -> PublicRecord {
    let Record {
        flow,
        counts,
        end,
        inspection,
    } = record;
    let transport = Transport::from_number(flow.key.protocol);
    let count = counts[0].plus(counts[1]);
    PublicRecord {
        hour,
        leg: places.leg,
        leg_basis: places.leg_basis,
        transport,
        ip_version: if flow.key.is_v6() { 6 } else { 4 },
        label: label(inspection.label),
        category: Cow::Borrowed(inspection.category),
        method: method(inspection.method),
        guessed: inspection.guessed,
        source_country: places.source,
        destination_country: places.destination,
        destination_port: transport
            .has_ports()
            .then(|| Port::of(responder_port(flow))),
        packets: Bucket::of(count.packets),
        bytes: Bucket::of(count.bytes),
        duration_ms: Bucket::of(flow.entry.last.saturating_sub(flow.entry.since) / 1_000_000),
        user_agent: inspection
            .user_agent
            .as_ref()
            .map(|agent| Cow::Borrowed(inspect::useragent::family(agent.reveal()))),
        content_type: inspection
            .content_type
            .as_deref()
            .map(|media| Cow::Borrowed(inspect::media::registered(media))),
        end: *end,
        outcome: outcome(flow),
        failed: is_failed(flow),
        opener_basis: OpenerBasis::from_number(flow.entry.basis),
        id: None,
    }
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
pub(crate) fn label(label: Label) -> Cow<'static, str> {
    if label.master == label.app {
        Cow::Borrowed(label.master)
    } else {
        Cow::Owned(format!("{}.{}", label.master, label.app))
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
