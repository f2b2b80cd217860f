//! Mail and news.

use super::Dissector;

mod smtp;

pub(super) static DISSECTORS: &[&Dissector] = &[&smtp::DISSECTOR];
