//! The web and what carries it.

use super::Dissector;

mod application;
mod certificate;
pub(super) mod dtls;
mod haproxy;
mod head;
mod hello;
mod http;
mod http2;
mod json_rpc;
mod quic;
mod socks;
mod sslv2;
pub(super) mod tls;
mod tor;
mod websocket;

pub(super) static DISSECTORS: &[&Dissector] = &[
    &tls::DISSECTOR,
    &http::DISSECTOR,
    &quic::DISSECTOR,
    &dtls::DISSECTOR,
    &http2::DISSECTOR,
    &haproxy::DISSECTOR,
    &socks::DISSECTOR,
    &json_rpc::DISSECTOR,
    &websocket::DISSECTOR,
];
