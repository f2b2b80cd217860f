//! Whose traffic a flow is, as far as hooks and ports tell.

use collector_common::{
    books::Hook,
    flow::{Flow, OpenerBasis},
    key::Address,
    packet::protocol,
    schema::{Leg, LegBasis, Nickname},
};

/// DNS and DNS over TLS or QUIC (RFC 7858, RFC 9250).
const DNS_PORTS: [u16; 2] = [53, 853];

/// Whose traffic a flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Whose.
    pub leg: Leg,
    /// How that is known.
    pub basis: LegBasis,
    /// Of which of the host's relays.
    pub relay: Option<Nickname>,
}

/// What tells legs apart.
#[derive(Debug, Default)]
pub struct Legs {}

impl Legs {
    /// Whose traffic `flow` is.
    #[must_use]
    pub fn owner(&self, flow: &Flow) -> Owner {
        let (leg, basis) = leg(flow);
        Owner {
            leg,
            basis,
            relay: None,
        }
    }

    /// Whether an address of IP `version` 4 or 6 is the host's.
    #[must_use]
    pub fn is_own(&self, _address: &Address, _version: u8) -> bool {
        false
    }
}

fn leg(flow: &Flow) -> (Leg, LegBasis) {
    if flow.entry.hook == Hook::Capture as u8 {
        return (Leg::Unknown, LegBasis::None);
    }
    if !opened_by_host(flow) {
        return (Leg::Inbound, LegBasis::Hook);
    }
    let port = flow.key.port[flow.entry.opener().other().index()];
    let transport = matches!(flow.key.protocol, protocol::TCP | protocol::UDP);
    if transport && DNS_PORTS.contains(&port) {
        (Leg::Dns, LegBasis::Port)
    } else if flow.key.protocol == protocol::TCP {
        (Leg::Exit, LegBasis::Port)
    } else {
        (Leg::Local, LegBasis::Port)
    }
}

/// The hook of the first packet tells where its sender is. Where that packet was the answer (the
/// SYN itself was missed), the opener is the other end.
fn opened_by_host(flow: &Flow) -> bool {
    let first_left = flow.entry.hook == Hook::Egress as u8;
    let first_was_answer = OpenerBasis::from_number(flow.entry.basis) == OpenerBasis::SynAck;
    first_left != first_was_answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use collector_common::{flow::FlowEntry, key::FlowKey};

    fn flow(hook: Hook, basis: OpenerBasis, protocol: u8, port: u16) -> Flow {
        Flow {
            key: FlowKey {
                port: [40_000, port],
                protocol,
                version: 4,
                ..FlowKey::default()
            },
            entry: FlowEntry {
                hook: hook as u8,
                basis: basis as u8,
                ..FlowEntry::default()
            },
        }
    }

    #[test]
    fn a_capture_that_does_not_tell_the_host_tells_no_leg() {
        let flow = flow(Hook::Capture, OpenerBasis::Syn, protocol::TCP, 53);
        assert_eq!(leg(&flow), (Leg::Unknown, LegBasis::None));
    }

    #[test]
    fn tcp_that_leaves_first_is_the_exits_and_what_comes_first_is_inbound() {
        let left = flow(Hook::Egress, OpenerBasis::Syn, protocol::TCP, 443);
        assert_eq!(leg(&left).0, Leg::Exit);
        let came = flow(Hook::Ingress, OpenerBasis::Syn, protocol::TCP, 443);
        assert_eq!(leg(&came).0, Leg::Inbound);
    }

    #[test]
    fn an_answer_seen_first_belongs_to_a_flow_of_the_other_end() {
        let came = flow(Hook::Ingress, OpenerBasis::SynAck, protocol::TCP, 443);
        assert_eq!(leg(&came).0, Leg::Exit);
        let left = flow(Hook::Egress, OpenerBasis::SynAck, protocol::TCP, 22);
        assert_eq!(leg(&left).0, Leg::Inbound);
    }

    #[test]
    fn only_the_hosts_own_queries_are_dns() {
        let query = flow(Hook::Egress, OpenerBasis::Hook, protocol::UDP, 53);
        assert_eq!(leg(&query), (Leg::Dns, LegBasis::Port));
        let served = flow(Hook::Ingress, OpenerBasis::Hook, protocol::UDP, 53);
        assert_eq!(leg(&served), (Leg::Inbound, LegBasis::Hook));
        let sctp = flow(Hook::Egress, OpenerBasis::Hook, protocol::SCTP, 53);
        assert_eq!(leg(&sctp).0, Leg::Local);
    }
}
