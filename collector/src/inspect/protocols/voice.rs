//! Calls, conferences, streams of media and their signalling.

use super::Dissector;

mod bfcp;
mod discord;
mod h323;
mod iax;
mod imo;
mod line;
mod megaco;
mod mgcp;
mod mpeg_ts;
mod mumble;
mod noe;
mod rtcp;
mod rtmp;
mod rtp;
mod rtsp;
mod sd_rtn;
mod sip;
mod skinny;
mod skype;
mod start_line;
mod stun;
mod teamspeak;
mod telegram;
mod viber;
mod zoom;

pub(super) static DISSECTORS: &[&Dissector] = &[
    &stun::DISSECTOR,
    &discord::DISSECTOR,
    &sd_rtn::DISSECTOR,
    &telegram::DISSECTOR,
    &zoom::DISSECTOR,
    &sip::DISSECTOR,
    &rtsp::DISSECTOR,
    &rtmp::DISSECTOR,
    &mgcp::DISSECTOR,
    &megaco::DISSECTOR,
    &h323::DISSECTOR,
    &iax::DISSECTOR,
    &skinny::DISSECTOR,
    &teamspeak::DISSECTOR,
    &mumble::DISSECTOR,
    &mpeg_ts::DISSECTOR,
    &viber::DISSECTOR,
    &rtcp::DISSECTOR,
    &rtp::DISSECTOR,
    &line::DISSECTOR,
    &imo::DISSECTOR,
    &bfcp::DISSECTOR,
    &noe::DISSECTOR,
    &skype::DISSECTOR,
];
