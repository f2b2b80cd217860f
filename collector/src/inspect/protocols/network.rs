//! What networks run themselves with: time, addresses, routes, monitoring.

use super::Dissector;

mod bfd;
mod bgp;
mod capwap;
mod coap;
mod cpha;
mod dhcp;
mod dhcpv6;
mod dlep;
mod glbp;
mod gtp;
mod hsrp;
mod ldp;
mod lisp;
mod mikrotik;
mod nat_pmp;
mod netbios;
mod netflow;
mod ntp;
mod openflow;
mod pfcp;
mod ptp;
mod ripe_atlas;
mod service_location;
mod sflow;
mod snmp;
mod ssdp;
mod syslog;
mod teredo;
mod vxlan;
mod wsd;

pub(super) static DISSECTORS: &[&Dissector] = &[
    &ntp::DISSECTOR,
    &syslog::DISSECTOR,
    &snmp::DISSECTOR,
    &bgp::DISSECTOR,
    &netbios::DISSECTOR,
    &ssdp::DISSECTOR,
    &dhcp::DISSECTOR,
    &dhcpv6::DISSECTOR,
    &netflow::DISSECTOR,
    &sflow::DISSECTOR,
    &ripe_atlas::DISSECTOR,
    &gtp::DISSECTOR,
    &pfcp::DISSECTOR,
    &vxlan::DISSECTOR,
    &teredo::DISSECTOR,
    &nat_pmp::DISSECTOR,
    &coap::DISSECTOR,
    &wsd::DISSECTOR,
    &service_location::DISSECTOR,
    &ldp::DISSECTOR,
    &openflow::DISSECTOR,
    &lisp::DISSECTOR,
    &capwap::DISSECTOR,
    &ptp::DISSECTOR,
    &bfd::DISSECTOR,
    &hsrp::DISSECTOR,
    &glbp::DISSECTOR,
    &mikrotik::DISSECTOR,
    &dlep::DISSECTOR,
    &cpha::DISSECTOR,
];
