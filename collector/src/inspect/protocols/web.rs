//! The web and what carries it.

use super::Dissector;

mod application;
mod haproxy;
mod head;
mod http;
mod http2;
mod json_rpc;
mod quic;
mod socks;
pub(super) mod tls;
mod websocket;

pub(super) static DISSECTORS: &[&Dissector] = &[
    &tls::DISSECTOR,
    &http::DISSECTOR,
    &quic::DISSECTOR,
    &http2::DISSECTOR,
    &haproxy::DISSECTOR,
    &socks::DISSECTOR,
    &json_rpc::DISSECTOR,
    &websocket::DISSECTOR,
];
