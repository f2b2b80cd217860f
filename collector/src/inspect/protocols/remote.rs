//! Remote shells, desktops and consoles.

use super::Dissector;

mod ssh;

pub(super) static DISSECTORS: &[&Dissector] = &[&ssh::DISSECTOR];
