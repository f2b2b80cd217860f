//! Names by number alone: the ports of services, and the transports that have no ports.
//!
//! The rule. A flow that no payload named, with or without payload, is named by its lower port; if
//! no service is known by that, by its higher one. The lower comes first because a service's port
//! is a system port or a registered one, and the other end's is taken from the dynamic ports above
//! them (RFC 6335, section 6), whichever end was heard first: the opener of a flow taken up in
//! mid-stream may be the server. An opener's port from where Linux takes its own is no service's.
//!
//! The tables hold a port where the protocol's own documents or IANA's list name it and it is a
//! default of nDPI's too, so that a guess says no more and no less than there: a scan of ten
//! thousand ports is not to look like ten thousand protocols. Besides those they hold what a vendor
//! asks firewalls to open for its service: Google's 5228 to 5230 (Firebase Cloud Messaging),
//! Cloudflare's 2408 (WARP), Cisco's 9000 (Webex). SNMP and `NetFlow` are not in them: each of their
//! datagrams is whole, so one that they don't know is none of theirs.
//!
//! What an exit carries much of in encrypted forms that nothing else tells has a table of its own,
//! which counts only for payload that nobody knew: the ports of XMPP's clients (RFC 6120; 5223 for
//! the older form in TLS) and BitTorrent's first (BEP 3).

use collector_common::packet::protocol;

use super::{Confidence, Inspection, Label, Method, registry::Facts};

/// Linux takes the ports of its own connections from here up (`ip_local_port_range`), so that a
/// lower one may be a service's.
const EPHEMERAL: u16 = 32_768;

/// Names a flow of which no payload was heard by its numbers: `protocol` is IANA's, the ports are
/// in host byte order. A port is a guess and marked as one.
#[must_use]
pub fn by_port(protocol: u8, opener_port: u16, responder_port: u16) -> Inspection {
    match protocol {
        protocol::TCP => guess(&[TCP], opener_port, responder_port),
        protocol::UDP => guess(&[UDP], opener_port, responder_port),
        _ => by_protocol(protocol),
    }
}

/// The same for a flow whose payload nobody knew, or nobody was to hear.
#[must_use]
pub fn by_port_unheard(protocol: u8, opener_port: u16, responder_port: u16) -> Inspection {
    match protocol {
        protocol::TCP => guess(&[TCP, ENCRYPTED], opener_port, responder_port),
        _ => by_port(protocol, opener_port, responder_port),
    }
}

fn guess(tables: &[&Table], opener_port: u16, responder_port: u16) -> Inspection {
    let opener = Some(opener_port).filter(|&port| port < EPHEMERAL);
    let mut ports = [Some(responder_port), opener];
    if opener_port < responder_port {
        ports.reverse();
    }
    let label = ports
        .into_iter()
        .flatten()
        .find_map(|port| tables.iter().find_map(|table| find(table, port)));
    label.map_or_else(Inspection::default, |label| Inspection {
        method: Method::Port,
        guessed: true,
        confidence: Confidence::Guess,
        ..Facts::default().inspection(label)
    })
}

/// The IP header's own word: no guess.
fn by_protocol(number: u8) -> Inspection {
    find(PROTOCOLS, u16::from(number)).map_or_else(Inspection::default, |label| {
        Facts::default().inspection(label)
    })
}

type Table = [(u16, &'static str)];

fn find(table: &Table, number: u16) -> Option<Label> {
    let place = table
        .binary_search_by_key(&number, |(listed, _)| *listed)
        .ok()?;
    table.get(place).map(|(_, name)| Label::of(name))
}

const PROTOCOLS: &Table = &[
    (1, "ICMP"),
    (2, "IGMP"),
    (4, "IP_in_IP"),
    (8, "EGP"),
    (47, "GRE"),
    (50, "IPSec"),
    (51, "IPSec"),
    (58, "ICMPV6"),
    (89, "OSPF"),
    (103, "IP_PIM"),
    (112, "VRRP"),
    (113, "PGM"),
    (132, "SCTP"),
];

const TCP: &Table = &[
    (20, "FTP_DATA"),
    (21, "FTP_CONTROL"),
    (22, "SSH"),
    (23, "Telnet"),
    (25, "SMTP"),
    (43, "Whois-DAS"),
    (53, "DNS"),
    (80, "HTTP"),
    (81, "HTTP"),
    (88, "Kerberos"),
    (102, "ISO9506-1-MMS"),
    (104, "DICOM"),
    (110, "POP3"),
    (135, "DCERPC"),
    (139, "NetBIOS"),
    (143, "IMAP"),
    (177, "XDMCP"),
    (179, "BGP"),
    (194, "IRC"),
    (210, "Z3950"),
    (389, "LDAP"),
    (427, "Service_Location_Protocol"),
    (443, "TLS"),
    (445, "SMBv23"),
    (465, "SMTPS"),
    (500, "IPSec"),
    (502, "Modbus"),
    (514, "Syslog"),
    (548, "AFP"),
    (554, "RTSP"),
    (587, "SMTP"),
    (646, "LDP"),
    (655, "TINC"),
    (853, "DoH_DoT"),
    (873, "RSYNC"),
    (903, "VMware"),
    (988, "Lustre"),
    (993, "IMAPS"),
    (995, "POPS"),
    (1080, "SOCKS"),
    (1099, "JRMI"),
    (1119, "Starcraft"),
    (1194, "OpenVPN"),
    (1352, "LotusNotes"),
    (1433, "MsSQL-TDS"),
    (1434, "MsSQL-TDS"),
    (1494, "Citrix"),
    (1521, "Oracle"),
    (1719, "H323"),
    (1720, "H323"),
    (1812, "Radius"),
    (1813, "Radius"),
    (1883, "MQTT"),
    (1935, "RTMP"),
    (2000, "CiscoSkinny"),
    (2002, "Roughtime"),
    (2049, "NFS"),
    (2190, "TiVoConnect"),
    (2404, "IEC60870"),
    (2501, "Kismet"),
    (2575, "HL7"),
    (2598, "Citrix"),
    (2604, "OSPF"),
    (2605, "BGP"),
    (3000, "ntop"),
    (3128, "HTTP_Proxy"),
    (3300, "Ceph"),
    (3306, "MySQL"),
    (3389, "RDP"),
    (3478, "STUN"),
    (3868, "Diameter"),
    (4000, "NoMachine"),
    (4059, "IEC62056"),
    (4222, "Nats"),
    (4244, "Viber"),
    (4343, "Whois-DAS"),
    (4569, "IAX"),
    (4712, "IEEE-C37118"),
    (4730, "Gearman"),
    (4840, "OPC-UA"),
    (4880, "HiSLIP"),
    (4899, "Radmin"),
    (4949, "Munin"),
    (5001, "TargusDataspeed"),
    (5060, "SIP"),
    (5061, "SIP"),
    (5094, "HART-IP"),
    (5201, "TargusDataspeed"),
    (5228, "Google"),
    (5229, "Google"),
    (5230, "Google"),
    (5242, "Viber"),
    (5243, "Viber"),
    (5432, "PostgreSQL"),
    (5672, "AMQP"),
    (5683, "COAP"),
    (5800, "VNC"),
    (5900, "VNC"),
    (5901, "VNC"),
    (5938, "TeamViewer"),
    (6379, "RESP"),
    (6556, "CHECKMK"),
    (6653, "OpenFlow"),
    (6789, "Ceph"),
    (7000, "Cassandra"),
    (7985, "Viber"),
    (8008, "HTTP"),
    (8009, "AJP"),
    (8010, "AJP"),
    (8080, "HTTP_Proxy"),
    (8181, "HTTP"),
    (8333, "BITCOIN"),
    (8883, "MQTT"),
    (9042, "Cassandra"),
    (9092, "Kafka"),
    (9418, "Git"),
    (9600, "FINS"),
    (9999, "TPLINK_SHP"),
    (10000, "CiscoVPN"),
    (10050, "Zabbix"),
    (10051, "Zabbix"),
    (11095, "NestLogSink"),
    (11211, "Memcached"),
    (20000, "DNP3"),
    (27017, "MongoDB"),
    (30303, "Ethereum"),
    (44818, "EthernetIP"),
    (48898, "BeckhoffADS"),
];

/// Over TCP, where there was payload.
const ENCRYPTED: &Table = &[(5222, "Jabber"), (5223, "Jabber"), (6881, "BitTorrent")];

const UDP: &Table = &[
    (53, "DNS"),
    (67, "DHCP"),
    (68, "DHCP"),
    (69, "TFTP"),
    (88, "Kerberos"),
    (123, "NTP"),
    (137, "NetBIOS"),
    (138, "NetBIOS"),
    (139, "NetBIOS"),
    (177, "XDMCP"),
    (194, "IRC"),
    (319, "PTPv2"),
    (320, "PTPv2"),
    (389, "LDAP"),
    (427, "Service_Location_Protocol"),
    (443, "QUIC"),
    (500, "IPSec"),
    (514, "Syslog"),
    (546, "DHCPV6"),
    (547, "DHCPV6"),
    (554, "RTSP"),
    (623, "RMCP"),
    (646, "LDP"),
    (655, "TINC"),
    (784, "DoH_DoT"),
    (853, "DoH_DoT"),
    (902, "VMware"),
    (903, "VMware"),
    (1080, "SOCKS"),
    (1119, "Starcraft"),
    (1194, "OpenVPN"),
    (1719, "H323"),
    (1720, "H323"),
    (1812, "Radius"),
    (1813, "Radius"),
    (1985, "HSRP"),
    (2002, "Roughtime"),
    (2049, "NFS"),
    (2123, "GTP"),
    (2152, "GTP"),
    (2190, "TiVoConnect"),
    (2408, "CloudflareWarp"),
    (2944, "Megaco"),
    (3386, "GTP_PRIME"),
    (3389, "RDP"),
    (3478, "STUN"),
    (3544, "Teredo"),
    (3671, "KNXnet_IP"),
    (3702, "WSD"),
    (3784, "BFD"),
    (3785, "BFD"),
    (4244, "Viber"),
    (4341, "LISP"),
    (4342, "LISP"),
    (4500, "IPSec"),
    (4569, "IAX"),
    (4713, "IEEE-C37118"),
    (4789, "VXLAN"),
    (5001, "TargusDataspeed"),
    (5055, "TocaBoca"),
    (5060, "SIP"),
    (5061, "SIP"),
    (5094, "HART-IP"),
    (5201, "TargusDataspeed"),
    (5242, "Viber"),
    (5243, "Viber"),
    (5246, "CAPWAP"),
    (5247, "CAPWAP"),
    (5350, "NAT-PMP"),
    (5351, "NAT-PMP"),
    (5353, "MDNS"),
    (5354, "MDNS"),
    (5355, "LLMNR"),
    (5683, "COAP"),
    (5684, "COAP"),
    (5938, "TeamViewer"),
    (6343, "sFlow"),
    (6881, "BitTorrent"),
    (7351, "MerakiCloud"),
    (7985, "Viber"),
    (7987, "Viber"),
    (8612, "BJNP"),
    (8805, "PFCP"),
    (9000, "Webex"),
    (9600, "FINS"),
    (9999, "TPLINK_SHP"),
    (10000, "CiscoVPN"),
    (10001, "UBNTAC2"),
    (11211, "Memcached"),
    (25826, "collectd"),
    (41641, "Tailscale"),
    (44818, "EthernetIP"),
    (47808, "BACnet"),
    (51820, "WireGuard"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::vocabulary;

    #[test]
    fn tables_are_sorted_so_that_binary_search_finds_every_entry() {
        for table in [PROTOCOLS, TCP, ENCRYPTED, UDP] {
            assert!(table.is_sorted_by(|a, b| a.0 < b.0));
        }
    }

    #[test]
    fn every_label_is_in_the_vocabulary() {
        for (_, name) in [PROTOCOLS, TCP, ENCRYPTED, UDP].into_iter().flatten() {
            assert!(vocabulary::name(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_port_gives_a_label_that_is_marked_as_a_guess() {
        let https = by_port(protocol::TCP, 50_000, 443);
        assert_eq!(https.label.to_string(), "TLS");
        assert_eq!(https.method, Method::Port);
        assert!(https.guessed);
        assert_eq!(
            by_port(protocol::UDP, 50_000, 443).label.to_string(),
            "QUIC"
        );
    }

    #[test]
    fn the_lower_port_counts_and_else_the_higher_one() {
        let name = |opener, responder| by_port(protocol::TCP, opener, responder).label.to_string();
        assert_eq!(name(22, 50_000), "SSH");
        assert_eq!(name(80, 2604), "HTTP");
        assert_eq!(name(2604, 80), "HTTP");
        assert_eq!(name(26_000, 48_898), "BeckhoffADS");
        assert_eq!(name(1, 50_000), "Unknown");
    }

    #[test]
    fn a_port_of_encrypted_forms_names_payload_and_no_bare_handshake() {
        let payload = by_port_unheard(protocol::TCP, 50_000, 6881);
        assert_eq!(payload.label.to_string(), "BitTorrent");
        assert!(payload.guessed);
        let bare = by_port(protocol::TCP, 50_000, 6881);
        assert_eq!(bare, Inspection::default());
    }

    #[test]
    fn an_opener_s_port_of_its_own_choice_names_nothing() {
        assert_eq!(
            by_port(protocol::UDP, 51_820, 50_000),
            Inspection::default()
        );
        assert_eq!(
            by_port(protocol::UDP, 50_000, 51_820).label.to_string(),
            "WireGuard"
        );
    }

    #[test]
    fn a_transport_without_ports_is_named_by_the_ip_header_and_is_no_guess() {
        let ping = by_port(protocol::ICMP, 0, 0);
        assert_eq!(ping.label.to_string(), "ICMP");
        assert_eq!((ping.method, ping.guessed), (Method::Dpi, false));
        assert_eq!(by_port(254, 0, 0), Inspection::default());
    }
}
