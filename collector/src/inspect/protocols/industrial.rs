//! Plants, grids, buildings and vehicles.

use super::Dissector;

pub(super) static DISSECTORS: &[&Dissector] = &[];
