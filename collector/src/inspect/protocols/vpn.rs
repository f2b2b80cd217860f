//! Tunnels for privacy, and what circumvents censorship.

use super::Dissector;

pub(super) mod dnscrypt;
mod ipsec;
mod l2tp;
mod openvpn;
mod pptp;
mod softether;
mod tailscale;
mod tinc;
mod wireguard;

pub(super) static DISSECTORS: &[&Dissector] = &[
    &tailscale::DISSECTOR,
    &dnscrypt::DISSECTOR,
    &ipsec::DISSECTOR,
    &l2tp::DISSECTOR,
    &pptp::DISSECTOR,
    &tinc::DISSECTOR,
    &softether::DISSECTOR,
    &openvpn::DISSECTOR,
    &wireguard::DISSECTOR,
];
