//! The web and what carries it.

use super::Dissector;

mod certificate;
mod dtls;
mod hello;
mod http;
mod quic;
mod sslv2;
pub(super) mod tls;
mod tor;

pub(super) static DISSECTORS: &[&Dissector] = &[
    &tls::DISSECTOR,
    &http::DISSECTOR,
    &quic::DISSECTOR,
    &dtls::DISSECTOR,
];
