//! Crypto-currencies and their mining.

use super::Dissector;

mod bitcoin;
mod ethereum;
mod mining;
mod monero;
mod nano;

pub(super) static DISSECTORS: &[&Dissector] = &[
    &bitcoin::DISSECTOR,
    &mining::DISSECTOR,
    &monero::DISSECTOR,
    &ethereum::DISSECTOR,
    &nano::DISSECTOR,
];
