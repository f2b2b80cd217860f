//! Peer to peer: file sharing and what resembles it.

use super::Dissector;

pub(super) static DISSECTORS: &[&Dissector] = &[];
