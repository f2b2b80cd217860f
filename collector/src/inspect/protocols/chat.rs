//! Text messengers.

use super::Dissector;

pub(super) static DISSECTORS: &[&Dissector] = &[];
