//! Calls, conferences, streams of media and their signalling.

use super::Dissector;

pub(super) static DISSECTORS: &[&Dissector] = &[];
