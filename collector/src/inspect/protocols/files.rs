//! File transfer and file systems.

use super::Dissector;

pub(super) static DISSECTORS: &[&Dissector] = &[];
