//! Text messengers.

use super::Dissector;

mod irc;
mod jabber;
mod kakaotalk;
mod oicq;
mod telegram;
mod wechat;
mod whatsapp;

pub(super) static DISSECTORS: &[&Dissector] = &[
    &whatsapp::DISSECTOR,
    &jabber::DISSECTOR,
    &irc::DISSECTOR,
    &telegram::DISSECTOR,
    &kakaotalk::DISSECTOR,
    &wechat::DISSECTOR,
    &oicq::DISSECTOR,
];
