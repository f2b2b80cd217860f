//! Games and their platforms.

use super::Dissector;

pub(super) static DISSECTORS: &[&Dissector] = &[];
