//! Crypto-currencies and their mining.

use super::Dissector;

pub(super) static DISSECTORS: &[&Dissector] = &[];
