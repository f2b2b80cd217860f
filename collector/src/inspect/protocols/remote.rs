//! Remote shells, desktops and consoles.

use super::Dissector;

mod anydesk;
mod citrix;
mod nomachine;
mod radmin;
mod rdp;
mod rmcp;
mod rsh;
mod ssh;
mod teamviewer;
mod telnet;
mod vmware;
mod vnc;
mod whois;
mod x11;
mod xdmcp;

pub(super) static DISSECTORS: &[&Dissector] = &[
    &ssh::DISSECTOR,
    &rdp::DISSECTOR,
    &vnc::DISSECTOR,
    &telnet::DISSECTOR,
    &teamviewer::DISSECTOR,
    &anydesk::DISSECTOR,
    &nomachine::DISSECTOR,
    &radmin::DISSECTOR,
    &citrix::DISSECTOR,
    &vmware::DISSECTOR,
    &x11::DISSECTOR,
    &xdmcp::DISSECTOR,
    &rmcp::DISSECTOR,
    &rsh::DISSECTOR,
    &whois::DISSECTOR,
];
