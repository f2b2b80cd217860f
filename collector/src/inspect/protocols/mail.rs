//! Mail and news.

use super::Dissector;

mod imap;
mod lotus;
mod nntp;
mod pop3;
mod smtp;

pub(super) static DISSECTORS: &[&Dissector] = &[
    &smtp::DISSECTOR,
    &imap::DISSECTOR,
    &pop3::DISSECTOR,
    &nntp::DISSECTOR,
    &lotus::DISSECTOR,
];
