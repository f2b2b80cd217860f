//! Plants, grids, buildings and vehicles.

use super::Dissector;

mod ads;
mod atg;
mod bacnet;
mod c1222;
mod can;
mod cip;
mod cnp_ip;
mod crc;
mod dlms;
mod dnp3;
mod ether_s_bus;
mod ether_sio;
mod ethernet_ip;
mod fins;
mod global_data;
mod hart_ip;
mod hislip;
mod iec104;
mod knx;
mod melsec;
mod mms;
mod modbus;
mod opc_ua;
mod s7comm;
mod synchrophasor;
mod trdp;
mod tristation;

pub(super) static DISSECTORS: &[&Dissector] = &[
    &modbus::DISSECTOR,
    &opc_ua::DISSECTOR,
    &s7comm::DISSECTOR,
    &mms::DISSECTOR,
    &ethernet_ip::DISSECTOR,
    &cip::DISSECTOR,
    &dnp3::DISSECTOR,
    &iec104::DISSECTOR,
    &bacnet::DISSECTOR,
    &knx::DISSECTOR,
    &can::DISSECTOR,
    &fins::DISSECTOR,
    &melsec::DISSECTOR,
    &ads::DISSECTOR,
    &hart_ip::DISSECTOR,
    &synchrophasor::DISSECTOR,
    &dlms::DISSECTOR,
    &c1222::DISSECTOR,
    &ether_sio::DISSECTOR,
    &ether_s_bus::DISSECTOR,
    &trdp::DISSECTOR,
    &hislip::DISSECTOR,
    &atg::DISSECTOR,
    &global_data::DISSECTOR,
    &cnp_ip::DISSECTOR,
    &tristation::DISSECTOR,
];
