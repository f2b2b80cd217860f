//! Databases and caches.

use super::Dissector;

pub(super) static DISSECTORS: &[&Dissector] = &[];
