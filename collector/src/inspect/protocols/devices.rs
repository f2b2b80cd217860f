//! What vendors built into their devices and programs.

use super::Dissector;

pub(super) static DISSECTORS: &[&Dissector] = &[];
