//! Tunnels for privacy, and what circumvents censorship.

use super::Dissector;

pub(super) static DISSECTORS: &[&Dissector] = &[];
