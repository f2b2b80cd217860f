//! The dissectors, by family; what an exit relay carries first, the chatter of local networks last.

use std::sync::LazyLock;

use super::registry::{Dissector, Transport};

mod ber;
mod chat;
mod currency;
mod database;
mod devices;
mod files;
mod games;
mod industrial;
mod mail;
mod messaging;
mod names;
mod network;
mod p2p;
mod remote;
mod text;
mod tpkt;
mod varint;
mod voice;
mod vpn;
mod web;

/// All families, each with its name. The order decides between two that are not certain.
pub(crate) static FAMILIES: &[(&str, &[&Dissector])] = &[
    ("web", web::DISSECTORS),
    ("names", names::DISSECTORS),
    ("mail", mail::DISSECTORS),
    ("remote", remote::DISSECTORS),
    ("chat", chat::DISSECTORS),
    ("files", files::DISSECTORS),
    ("voice", voice::DISSECTORS),
    ("p2p", p2p::DISSECTORS),
    ("vpn", vpn::DISSECTORS),
    ("currency", currency::DISSECTORS),
    ("database", database::DISSECTORS),
    ("messaging", messaging::DISSECTORS),
    ("games", games::DISSECTORS),
    ("devices", devices::DISSECTORS),
    ("network", network::DISSECTORS),
    ("industrial", industrial::DISSECTORS),
];

/// The dissectors of `transport`, in order.
pub(crate) fn of(transport: Transport) -> &'static [&'static Dissector] {
    static TCP: LazyLock<Vec<&Dissector>> = LazyLock::new(|| select(Transport::Tcp));
    static UDP: LazyLock<Vec<&Dissector>> = LazyLock::new(|| select(Transport::Udp));
    match transport {
        Transport::Tcp => &TCP,
        Transport::Udp => &UDP,
    }
}

fn select(transport: Transport) -> Vec<&'static Dissector> {
    let all = FAMILIES.iter().flat_map(|(_, family)| family.iter());
    all.filter(|dissector| dissector.transports.contains(&transport))
        .copied()
        .collect()
}
