//! What networks run themselves with: names, time, addresses, routes, monitoring.

use super::Dissector;

mod dns;

pub(super) static DISSECTORS: &[&Dissector] = &[&dns::DISSECTOR];
