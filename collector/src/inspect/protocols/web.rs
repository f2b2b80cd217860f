//! The web and what carries it.

use super::Dissector;

mod http;
mod quic;
pub(super) mod tls;

pub(super) static DISSECTORS: &[&Dissector] =
    &[&tls::DISSECTOR, &http::DISSECTOR, &quic::DISSECTOR];
