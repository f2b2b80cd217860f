//! What vendors built into their devices and programs.

use super::Dissector;

mod ali_cloud;
mod avast;
mod bjnp;
mod dropbox;
mod easy_weather;
mod kismet;
mod meraki_cloud;
mod nest_log_sink;
mod spotify;
mod tivo_connect;
mod tplink_shp;
mod tuya_lp;
mod ubntac2;
mod xiaomi;

pub(super) static DISSECTORS: &[&Dissector] = &[
    &spotify::DISSECTOR,
    &xiaomi::DISSECTOR,
    &ali_cloud::DISSECTOR,
    &avast::DISSECTOR,
    &tuya_lp::DISSECTOR,
    &tplink_shp::DISSECTOR,
    &meraki_cloud::DISSECTOR,
    &dropbox::DISSECTOR,
    &kismet::DISSECTOR,
    &tivo_connect::DISSECTOR,
    &bjnp::DISSECTOR,
    &nest_log_sink::DISSECTOR,
    &ubntac2::DISSECTOR,
    &easy_weather::DISSECTOR,
];
