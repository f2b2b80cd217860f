//! Peer to peer: file sharing and what resembles it.

use super::Dissector;

mod bittorrent;
mod edonkey;
mod gnutella;
mod syncthing;
mod utp;

pub(super) static DISSECTORS: &[&Dissector] = &[
    &bittorrent::DISSECTOR,
    &gnutella::DISSECTOR,
    &edonkey::DISSECTOR,
    &syncthing::DISSECTOR,
    &utp::DISSECTOR,
];
