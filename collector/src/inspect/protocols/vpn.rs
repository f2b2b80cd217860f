//! Tunnels for privacy, and what circumvents censorship.

use super::Dissector;

mod cisco;
pub(super) mod dnscrypt;
mod ipsec;
mod l2tp;
mod openvpn;
mod pptp;
mod softether;
mod tailscale;
mod tinc;
pub(in crate::inspect) mod tor;
mod wireguard;

pub(super) static DISSECTORS: &[&Dissector] = &[
    &tailscale::DISSECTOR,
    &dnscrypt::DISSECTOR,
    &ipsec::DISSECTOR,
    &cisco::DISSECTOR,
    &l2tp::DISSECTOR,
    &pptp::DISSECTOR,
    &tinc::DISSECTOR,
    &softether::DISSECTOR,
    &openvpn::DISSECTOR,
    &wireguard::DISSECTOR,
];
