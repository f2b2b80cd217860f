use std::net::{IpAddr, SocketAddr};

use collector_common::{
    flow::FlowEntry,
    key::FlowKey,
    packet::{Packet, tcp},
};
use jiff::Timestamp;

use super::*;
use crate::locate::tor::torrc::Torrc;

/// Of the host, in all of these tests.
const HOST: &str = "203.0.113.9";
const TOR: u32 = 105;

/// A flow by its first packet, from one end to the other.
struct Draft {
    from: SocketAddr,
    to: SocketAddr,
    hook: Hook,
    basis: OpenerBasis,
    protocol: u8,
    user: u32,
}

/// The host opened it, over TCP, by the socket of a relay.
fn out(to: &str) -> Draft {
    Draft {
        from: SocketAddr::new(HOST.parse().unwrap(), 40_000),
        to: to.parse().unwrap(),
        hook: Hook::Egress,
        basis: OpenerBasis::Syn,
        protocol: protocol::TCP,
        user: TOR,
    }
}

/// Somebody opened it to a port of the host.
fn inward(port: u16) -> Draft {
    Draft {
        from: "198.51.100.1:50000".parse().unwrap(),
        to: SocketAddr::new(HOST.parse().unwrap(), port),
        hook: Hook::Ingress,
        user: NO_USER,
        ..out("192.0.2.1:1")
    }
}

impl Draft {
    fn flow(&self) -> Flow {
        let address = |ip: IpAddr| *Ip::from(ip).address();
        let (key, sender) = FlowKey::of(&Packet {
            source: address(self.from.ip()),
            destination: address(self.to.ip()),
            source_port: self.from.port(),
            destination_port: self.to.port(),
            protocol: self.protocol,
            version: Ip::from(self.from.ip()).version(),
            tcp_flags: tcp::SYN,
            ..Packet::default()
        });
        let opener = match self.basis {
            OpenerBasis::SynAck => sender.other(),
            _ => sender,
        };
        Flow {
            key,
            entry: FlowEntry {
                opener: opener as u8,
                hook: self.hook as u8,
                basis: self.basis as u8,
                user: self.user,
                ..FlowEntry::default()
            },
        }
    }

    fn told(&self, legs: &Legs) -> (Leg, LegBasis) {
        let owner = legs.owner(&self.flow());
        (owner.leg, owner.basis)
    }
}

/// Those of a host with a relay that runs as [`TOR`], and a consensus of one other.
fn legs() -> Legs {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let torrc = "Nickname mine\nORPort 9001\nDirPort 9030\nUser 105\n";
    let consensus = "r other i 2026-11-22 15:00:00 192.0.2.21 9001 9030\n\
        a [2001:db8::21]:9001\nr mine i 2026-11-22 15:00:00 203.0.113.9 8443 0\n";
    let config = Config {
        torrcs: vec![write("torrc", torrc)],
        consensuses: vec![write("consensus", consensus)],
        ..Config::new(Host::Told(vec![HOST.parse().unwrap()]))
    };
    let source = Source::open(config, Timestamp::UNIX_EPOCH).unwrap();
    Arc::into_inner({
        let current = source.current();
        drop(source);
        current
    })
    .unwrap()
}

#[test]
fn a_capture_that_does_not_tell_the_host_tells_no_leg() {
    let draft = Draft {
        hook: Hook::Capture,
        ..out("192.0.2.21:9001")
    };
    assert_eq!(draft.told(&legs()), (Leg::Unknown, LegBasis::None));
}

#[test]
fn what_comes_to_a_port_of_torrc_is_the_relays_whoever_sends() {
    let legs = legs();
    assert_eq!(inward(9001).told(&legs), (Leg::Or, LegBasis::Torrc));
    assert_eq!(inward(9030).told(&legs), (Leg::Dir, LegBasis::Torrc));
    let knock = Draft {
        protocol: protocol::UDP,
        ..inward(9001)
    };
    assert_eq!(knock.told(&legs), (Leg::Inbound, LegBasis::Hook));
}

#[test]
fn what_the_consensus_lists_is_relay_side_by_address_and_port_alone() {
    let legs = legs();
    for (to, expected) in [
        ("192.0.2.21:9001", (Leg::Or, LegBasis::Consensus)),
        ("192.0.2.21:9030", (Leg::Dir, LegBasis::Consensus)),
        ("192.0.2.21:443", (Leg::Exit, LegBasis::User)),
        ("192.0.2.22:9001", (Leg::Exit, LegBasis::User)),
    ] {
        assert_eq!(out(to).told(&legs), expected, "{to}");
    }
}

#[test]
fn a_port_of_the_host_that_the_consensus_lists_is_the_relays_without_torrc() {
    assert_eq!(inward(8443).told(&legs()), (Leg::Or, LegBasis::Consensus));
}

#[test]
fn the_hosts_queries_are_dns_whoever_asks_and_whomever() {
    let legs = legs();
    for port in [53, 853] {
        for protocol in [protocol::UDP, protocol::TCP] {
            for user in [TOR, 0, NO_USER] {
                let query = Draft {
                    protocol,
                    user,
                    ..out(&format!("198.51.100.53:{port}"))
                };
                assert_eq!(query.told(&legs), (Leg::Dns, LegBasis::Port));
            }
        }
    }
    let served = Draft {
        protocol: protocol::UDP,
        ..inward(53)
    };
    assert_eq!(served.told(&legs), (Leg::Inbound, LegBasis::Hook));
    let other_transport = Draft {
        protocol: protocol::SCTP,
        ..out("198.51.100.53:53")
    };
    assert_eq!(other_transport.told(&legs).0, Leg::Local);
}

#[test]
fn tcp_is_exit_traffic_only_of_a_relays_user() {
    let legs = legs();
    let by = |user, protocol| {
        let draft = Draft {
            user,
            protocol,
            ..out("198.51.100.10:443")
        };
        draft.told(&legs)
    };
    assert_eq!(by(TOR, protocol::TCP), (Leg::Exit, LegBasis::User));
    assert_eq!(by(0, protocol::TCP), (Leg::Local, LegBasis::User));
    assert_eq!(by(0, protocol::UDP), (Leg::Local, LegBasis::User));
    assert_eq!(by(NO_USER, protocol::TCP), (Leg::Exit, LegBasis::Port));
    for protocol in [protocol::UDP, protocol::ICMP, protocol::SCTP] {
        for user in [TOR, NO_USER] {
            assert_eq!(by(user, protocol), (Leg::Local, LegBasis::Port));
        }
    }
}

#[test]
fn where_no_user_is_a_relays_ports_decide_and_it_is_told() {
    let draft = out("198.51.100.10:443");
    assert_eq!(draft.told(&Legs::default()), (Leg::Exit, LegBasis::Port));
}

#[test]
fn what_others_open_to_other_ports_is_inbound() {
    assert_eq!(inward(22).told(&legs()), (Leg::Inbound, LegBasis::Hook));
}

#[test]
fn an_answer_seen_first_belongs_to_a_flow_of_the_other_end() {
    let answer = Draft {
        basis: OpenerBasis::SynAck,
        ..inward(443)
    };
    for legs in [legs(), Legs::default()] {
        assert_eq!(answer.told(&legs).0, Leg::Exit);
    }
}

#[test]
fn the_hosts_address_tells_its_end_where_the_hook_would_mislead() {
    // Data of the host first, and then an answer that names it the opener.
    let flow = Flow {
        entry: FlowEntry {
            basis: OpenerBasis::SynAck as u8,
            ..out("198.51.100.10:443").flow().entry
        },
        ..out("198.51.100.10:443").flow()
    };
    assert_eq!(legs().owner(&flow).leg, Leg::Exit);
    assert_eq!(Legs::default().owner(&flow).leg, Leg::Inbound);
}

#[test]
fn a_rule_of_the_operator_comes_first_and_the_first_rule_wins() {
    let rules = ["local:port=443,user=105", "dir:port=443", "exit:in,port=22"];
    let legs = Legs {
        rules: rules.map(|rule| rule.parse().unwrap()).into(),
        ..legs()
    };
    let rule = LegBasis::Rule;
    assert_eq!(out("192.0.2.21:443").told(&legs), (Leg::Local, rule));
    let other = Draft {
        user: 0,
        ..out("192.0.2.21:443")
    };
    assert_eq!(other.told(&legs), (Leg::Dir, rule));
    assert_eq!(inward(22).told(&legs), (Leg::Exit, rule));
}

#[test]
fn the_hosts_only_relay_has_its_traffic_and_nothing_else_is_its() {
    let legs = legs();
    let mine = "mine".parse().ok();
    let relay = |draft: Draft| legs.owner(&draft.flow()).relay;
    for draft in [
        out("198.51.100.10:443"),
        out("192.0.2.21:9001"),
        inward(9030),
    ] {
        assert_eq!(relay(draft), mine);
    }
    let unnamed = |draft| Draft {
        user: NO_USER,
        ..draft
    };
    assert_eq!(relay(unnamed(out("198.51.100.10:443"))), mine);
    let query = || out("198.51.100.53:53");
    assert_eq!(relay(inward(22)), None);
    assert_eq!(relay(unnamed(query())), None);
}

#[test]
fn two_relays_are_told_apart_by_user_port_and_address() {
    let torrc = |name: &str, port, outbound: &[&str]| Torrc {
        is_relay: true,
        nickname: name.parse().ok(),
        or_ports: vec![crate::locate::tor::torrc::Listener {
            ip: None,
            version: None,
            port,
        }],
        outbound: outbound
            .iter()
            .map(|text| text.parse::<IpAddr>().unwrap().into())
            .collect(),
        ..Torrc::default()
    };
    let torrcs = [
        torrc("a", 9001, &[HOST]),
        torrc("b", 9002, &["2001:db8::9"]),
    ];
    let legs = Legs {
        relays: Relays::of(&torrcs, &Default::default()),
        ..Legs::default()
    };
    let relay = |draft: Draft| legs.owner(&draft.flow()).relay.map(String::from);
    assert_eq!(relay(inward(9002)).as_deref(), Some("b"));
    assert_eq!(relay(out("198.51.100.10:443")).as_deref(), Some("a"));
    let from = |address: &str| Draft {
        from: SocketAddr::new(address.parse().unwrap(), 40_000),
        ..out("[2001:db8:5::10]:443")
    };
    assert_eq!(relay(from("2001:db8::9")).as_deref(), Some("b"));
    assert_eq!(relay(from("2001:db8::10")), None);
}
