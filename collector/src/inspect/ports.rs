//! Names by number alone: the ports of common services (IANA's service names and port numbers, with
//! the few that common software made its own), and the transports that have no ports.

use collector_common::packet::protocol;

use super::{
    Inspection, Method,
    registry::{Facts, Service},
};

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
    let service = find(table, responder_port).or_else(|| find(table, openers?));
    service.map_or_else(Inspection::default, |service| Inspection {
        method: Method::Port,
        guessed: true,
        ..Facts::default().inspection(service)
    })
}

/// The IP header's own word: no guess.
fn by_protocol(number: u8) -> Inspection {
    find(PROTOCOLS, u16::from(number)).map_or_else(Inspection::default, |service| {
        Facts::default().inspection(service)
    })
}

type Table = [(u16, Service)];

fn find(table: &Table, number: u16) -> Option<Service> {
    let place = table
        .binary_search_by_key(&number, |(listed, _)| *listed)
        .ok()?;
    table.get(place).map(|(_, service)| *service)
}

const PROTOCOLS: &Table = &[
    (1, Service::new("ICMP", "Network")),
    (2, Service::new("IGMP", "Network")),
    (47, Service::new("GRE", "Network")),
    (50, Service::new("IPSec", "VPN")),
    (51, Service::new("IPSec", "VPN")),
    (58, Service::new("ICMPV6", "Network")),
    (89, Service::new("OSPF", "Network")),
    (103, Service::new("IP_PIM", "Network")),
    (112, Service::new("VRRP", "Network")),
    (113, Service::new("PGM", "Network")),
    (132, Service::new("SCTP", "Network")),
];

const TCP: &Table = &[
    (20, Service::new("FTP_DATA", "Download")),
    (21, Service::new("FTP_CONTROL", "Download")),
    (22, Service::new("SSH", "RemoteAccess")),
    (23, Service::new("Telnet", "RemoteAccess")),
    (25, Service::new("SMTP", "Email")),
    (43, Service::new("Whois-DAS", "Network")),
    (53, Service::new("DNS", "Network")),
    (80, Service::new("HTTP", "Web")),
    (81, Service::new("HTTP", "Web")),
    (88, Service::new("Kerberos", "Network")),
    (110, Service::new("POP3", "Email")),
    (119, Service::new("Usenet", "Web")),
    (135, Service::new("DCERPC", "RPC")),
    (139, Service::new("NetBIOS", "System")),
    (143, Service::new("IMAP", "Email")),
    (179, Service::new("BGP", "Network")),
    (194, Service::new("IRC", "Chat")),
    (389, Service::new("LDAP", "System")),
    (427, Service::new("Service_Location_Protocol", "RPC")),
    (443, Service::new("TLS", "Web")),
    (445, Service::new("SMBv23", "System")),
    (465, Service::new("SMTPS", "Email")),
    (514, Service::new("Syslog", "System")),
    (548, Service::new("AFP", "DataTransfer")),
    (554, Service::new("RTSP", "Media")),
    (563, Service::new("Usenet", "Web")),
    (587, Service::new("SMTP", "Email")),
    (636, Service::new("LDAP", "System")),
    (646, Service::new("LDP", "Network")),
    (749, Service::new("Kerberos", "Network")),
    (853, Service::new("DoH_DoT", "Network")),
    (873, Service::new("RSYNC", "DataTransfer")),
    (989, Service::new("FTPS", "Download")),
    (990, Service::new("FTPS", "Download")),
    (993, Service::new("IMAPS", "Email")),
    (995, Service::new("POPS", "Email")),
    (1080, Service::new("SOCKS", "Web")),
    (1099, Service::new("JRMI", "RPC")),
    (1194, Service::new("OpenVPN", "VPN")),
    (1352, Service::new("LotusNotes", "Collaborative")),
    (1433, Service::new("MsSQL-TDS", "Database")),
    (1434, Service::new("MsSQL-TDS", "Database")),
    (1494, Service::new("Citrix", "Network")),
    (1521, Service::new("Oracle", "Database")),
    (1719, Service::new("H323", "VoIP")),
    (1720, Service::new("H323", "VoIP")),
    (1723, Service::new("PPTP", "VPN")),
    (1812, Service::new("Radius", "Network")),
    (1883, Service::new("MQTT", "RPC")),
    (1935, Service::new("RTMP", "Media")),
    (2000, Service::new("CiscoSkinny", "VoIP")),
    (2049, Service::new("NFS", "DataTransfer")),
    (2525, Service::new("SMTP", "Email")),
    (3128, Service::new("HTTP_Proxy", "Web")),
    (3306, Service::new("MySQL", "Database")),
    (3389, Service::new("RDP", "RemoteAccess")),
    (3478, Service::new("STUN", "Network")),
    (4899, Service::new("Radmin", "RemoteAccess")),
    (5060, Service::new("SIP", "VoIP")),
    (5061, Service::new("SIP", "VoIP")),
    (5222, Service::new("Jabber", "Web")),
    (5223, Service::new("Jabber", "Web")),
    (5269, Service::new("Jabber", "Web")),
    (5432, Service::new("PostgreSQL", "Database")),
    (5672, Service::new("AMQP", "RPC")),
    (5900, Service::new("VNC", "RemoteAccess")),
    (5901, Service::new("VNC", "RemoteAccess")),
    (6379, Service::new("RESP", "Database")),
    (6665, Service::new("IRC", "Chat")),
    (6666, Service::new("IRC", "Chat")),
    (6667, Service::new("IRC", "Chat")),
    (6668, Service::new("IRC", "Chat")),
    (6669, Service::new("IRC", "Chat")),
    (6697, Service::new("IRC", "Chat")),
    (6881, Service::new("BitTorrent", "Download")),
    (8000, Service::new("HTTP", "Web")),
    (8008, Service::new("HTTP", "Web")),
    (8009, Service::new("AJP", "Web")),
    (8080, Service::new("HTTP", "Web")),
    (8333, Service::new("BITCOIN", "Crypto_Currency")),
    (8443, Service::new("TLS", "Web")),
    (8883, Service::new("MQTT", "RPC")),
    (9001, Service::new("Tor", "VPN")),
    (9042, Service::new("Cassandra", "Database")),
    (9092, Service::new("Kafka", "RPC")),
    (9200, Service::new("Elasticsearch", "System")),
    (9418, Service::new("Git", "Collaborative")),
    (10050, Service::new("Zabbix", "Network")),
    (10051, Service::new("Zabbix", "Network")),
    (11211, Service::new("Memcached", "Network")),
    (27017, Service::new("MongoDB", "Database")),
];

const UDP: &Table = &[
    (53, Service::new("DNS", "Network")),
    (67, Service::new("DHCP", "Network")),
    (68, Service::new("DHCP", "Network")),
    (69, Service::new("TFTP", "DataTransfer")),
    (80, Service::new("QUIC", "Web")),
    (88, Service::new("Kerberos", "Network")),
    (123, Service::new("NTP", "System")),
    (137, Service::new("NetBIOS", "System")),
    (138, Service::new("NetBIOS", "System")),
    (161, Service::new("SNMP", "Network")),
    (162, Service::new("SNMP", "Network")),
    (389, Service::new("LDAP", "System")),
    (427, Service::new("Service_Location_Protocol", "RPC")),
    (443, Service::new("QUIC", "Web")),
    (500, Service::new("IPSec", "VPN")),
    (514, Service::new("Syslog", "System")),
    (546, Service::new("DHCPV6", "Network")),
    (547, Service::new("DHCPV6", "Network")),
    (853, Service::new("DoH_DoT", "Network")),
    (1194, Service::new("OpenVPN", "VPN")),
    (1434, Service::new("MsSQL-TDS", "Database")),
    (1812, Service::new("Radius", "Network")),
    (1813, Service::new("Radius", "Network")),
    (1900, Service::new("SSDP", "System")),
    (2049, Service::new("NFS", "DataTransfer")),
    (2055, Service::new("NetFlow", "Network")),
    (2123, Service::new("GTP", "Network")),
    (2152, Service::new("GTP", "Network")),
    (3389, Service::new("RDP", "RemoteAccess")),
    (3478, Service::new("STUN", "Network")),
    (3702, Service::new("WSD", "Network")),
    (4500, Service::new("IPSec", "VPN")),
    (4789, Service::new("VXLAN", "Network")),
    (5060, Service::new("SIP", "VoIP")),
    (5350, Service::new("NAT-PMP", "Network")),
    (5351, Service::new("NAT-PMP", "Network")),
    (5353, Service::new("MDNS", "Network")),
    (5355, Service::new("LLMNR", "Network")),
    (5683, Service::new("COAP", "RPC")),
    (6343, Service::new("sFlow", "Network")),
    (6881, Service::new("BitTorrent", "Download")),
    (47808, Service::new("BACnet", "IoT-Scada")),
    (51820, Service::new("WireGuard", "VPN")),
];

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn tables_are_sorted_so_that_binary_search_finds_every_entry() {
        for table in [PROTOCOLS, TCP, UDP] {
            assert!(table.is_sorted_by(|a, b| a.0 < b.0));
        }
    }

    #[test]
    fn a_label_has_one_category() {
        let mut categories = HashMap::new();
        for (_, service) in [PROTOCOLS, TCP, UDP].into_iter().flatten() {
            let category = *categories
                .entry(service.label.master)
                .or_insert(service.category);
            assert_eq!(category, service.category, "{}", service.label);
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
