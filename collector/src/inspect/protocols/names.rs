//! Names of hosts: what the resolver of every exit speaks.

use super::Dissector;

mod dns;

pub(super) static DISSECTORS: &[&Dissector] = &[&dns::DISSECTOR];
