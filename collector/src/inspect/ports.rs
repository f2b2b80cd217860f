//! Names by number alone: the ports of common services (IANA's service names and port numbers, with
//! the few that common software made its own), and the transports that have no ports.

use collector_common::packet::protocol;

use super::{Confidence, Inspection, Label, Method, registry::Facts};

/// Linux takes the ports of its own connections from here up (`ip_local_port_range`), so that a
/// lower one may be a service's.
const EPHEMERAL: u16 = 32_768;

/// Names a flow without payload by its numbers: `protocol` is IANA's, the ports are in host byte
/// order. A port is a guess and marked as one. The responder's comes first; the opener's counts
/// where it is a service's, as the opener of a flow taken up in mid-stream may be the server.
#[must_use]
pub fn by_port(protocol: u8, opener_port: u16, responder_port: u16) -> Inspection {
    let table = match protocol {
        protocol::TCP => TCP,
        protocol::UDP => UDP,
        _ => return by_protocol(protocol),
    };
    let openers = Some(opener_port).filter(|&port| port < EPHEMERAL);
    let label = find(table, responder_port).or_else(|| find(table, openers?));
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
    (110, "POP3"),
    (119, "Usenet"),
    (135, "DCERPC"),
    (139, "NetBIOS"),
    (143, "IMAP"),
    (179, "BGP"),
    (194, "IRC"),
    (389, "LDAP"),
    (427, "Service_Location_Protocol"),
    (443, "TLS"),
    (445, "SMBv23"),
    (465, "SMTPS"),
    (514, "Syslog"),
    (548, "AFP"),
    (554, "RTSP"),
    (563, "Usenet"),
    (587, "SMTP"),
    (636, "LDAP"),
    (646, "LDP"),
    (749, "Kerberos"),
    (853, "DoH_DoT"),
    (873, "RSYNC"),
    (989, "FTPS"),
    (990, "FTPS"),
    (993, "IMAPS"),
    (995, "POPS"),
    (1080, "SOCKS"),
    (1099, "JRMI"),
    (1194, "OpenVPN"),
    (1352, "LotusNotes"),
    (1433, "MsSQL-TDS"),
    (1434, "MsSQL-TDS"),
    (1494, "Citrix"),
    (1521, "Oracle"),
    (1719, "H323"),
    (1720, "H323"),
    (1723, "PPTP"),
    (1812, "Radius"),
    (1883, "MQTT"),
    (1935, "RTMP"),
    (2000, "CiscoSkinny"),
    (2049, "NFS"),
    (2525, "SMTP"),
    (3128, "HTTP_Proxy"),
    (3306, "MySQL"),
    (3389, "RDP"),
    (3478, "STUN"),
    (4899, "Radmin"),
    (5060, "SIP"),
    (5061, "SIP"),
    (5222, "Jabber"),
    (5223, "Jabber"),
    (5269, "Jabber"),
    (5432, "PostgreSQL"),
    (5672, "AMQP"),
    (5900, "VNC"),
    (5901, "VNC"),
    (6379, "RESP"),
    (6665, "IRC"),
    (6666, "IRC"),
    (6667, "IRC"),
    (6668, "IRC"),
    (6669, "IRC"),
    (6697, "IRC"),
    (6881, "BitTorrent"),
    (8000, "HTTP"),
    (8008, "HTTP"),
    (8009, "AJP"),
    (8080, "HTTP"),
    (8333, "BITCOIN"),
    (8443, "TLS"),
    (8883, "MQTT"),
    (9001, "Tor"),
    (9042, "Cassandra"),
    (9092, "Kafka"),
    (9200, "Elasticsearch"),
    (9418, "Git"),
    (10050, "Zabbix"),
    (10051, "Zabbix"),
    (11211, "Memcached"),
    (27017, "MongoDB"),
];

const UDP: &Table = &[
    (53, "DNS"),
    (67, "DHCP"),
    (68, "DHCP"),
    (69, "TFTP"),
    (80, "QUIC"),
    (88, "Kerberos"),
    (123, "NTP"),
    (137, "NetBIOS"),
    (138, "NetBIOS"),
    (161, "SNMP"),
    (162, "SNMP"),
    (389, "LDAP"),
    (427, "Service_Location_Protocol"),
    (443, "QUIC"),
    (500, "IPSec"),
    (514, "Syslog"),
    (546, "DHCPV6"),
    (547, "DHCPV6"),
    (853, "DoH_DoT"),
    (1194, "OpenVPN"),
    (1434, "MsSQL-TDS"),
    (1812, "Radius"),
    (1813, "Radius"),
    (1900, "SSDP"),
    (2049, "NFS"),
    (2055, "NetFlow"),
    (2123, "GTP"),
    (2152, "GTP"),
    (3389, "RDP"),
    (3478, "STUN"),
    (3702, "WSD"),
    (4500, "IPSec"),
    (4789, "VXLAN"),
    (5060, "SIP"),
    (5350, "NAT-PMP"),
    (5351, "NAT-PMP"),
    (5353, "MDNS"),
    (5355, "LLMNR"),
    (5683, "COAP"),
    (6343, "sFlow"),
    (6881, "BitTorrent"),
    (47808, "BACnet"),
    (51820, "WireGuard"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::vocabulary;

    #[test]
    fn tables_are_sorted_so_that_binary_search_finds_every_entry() {
        for table in [PROTOCOLS, TCP, UDP] {
            assert!(table.is_sorted_by(|a, b| a.0 < b.0));
        }
    }

    #[test]
    fn every_label_is_in_the_vocabulary() {
        for (_, name) in [PROTOCOLS, TCP, UDP].into_iter().flatten() {
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
    fn the_opener_s_port_counts_where_it_is_a_service_s() {
        assert_eq!(by_port(protocol::TCP, 22, 50_000).label.to_string(), "SSH");
        assert_eq!(by_port(protocol::TCP, 22, 443).label.to_string(), "TLS");
        assert_eq!(
            by_port(protocol::UDP, 51_820, 50_000),
            Inspection::default()
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
