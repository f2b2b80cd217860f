//! What the kernel says of a network interface, by rtnetlink: it follows the network namespace,
//! which sysfs would not.

use anyhow::{Context, bail};
use collector_common::{packet::Link, wire::Tally};
use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{InfoKind, LinkAttribute, LinkInfo, LinkLayerType, LinkMessage},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

/// An interface, as of the moment of asking.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Name.
    pub name: String,
    /// Number in this network namespace.
    pub index: u32,
    /// What its frames begin with.
    pub link: Link,
    /// It has no way out: each packet comes in again.
    pub loopback: bool,
    /// A tap device. XDP sees super-packets there and can't tell their segments: what the other
    /// side hands over in one piece goes through generic XDP (`tun_get_user` in drivers/net/tun.c).
    pub tap: bool,
    /// Largest packet without the link header, bytes.
    pub mtu: u32,
    /// The bridge or bond it belongs to.
    controller: Option<u32>,
    /// The device below (VLAN parent, tunnel carrier).
    lower: Option<u32>,
    /// Received and sent since it exists, as its driver counts.
    pub counters: [Tally; 2],
}

impl Interface {
    /// Asks for the interface named `name`.
    ///
    /// # Errors
    /// No such interface, or one whose frames we can't read.
    pub fn named(name: &str) -> anyhow::Result<Self> {
        Links::open()?.named(name)
    }

    fn of(name: &str, message: LinkMessage) -> anyhow::Result<Self> {
        let layer = message.header.link_layer_type;
        let mut found = Self {
            name: name.to_owned(),
            index: message.header.index,
            link: link_of(name, layer)?,
            loopback: layer == LinkLayerType::Loopback,
            tap: false,
            mtu: 0,
            controller: None,
            lower: None,
            counters: [Tally::default(); 2],
        };
        // The device below lies in another namespace, and its number is one of there.
        let mut elsewhere = false;
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::LinkNetNsId(_) => elsewhere = true,
                LinkAttribute::Mtu(mtu) => found.mtu = mtu,
                LinkAttribute::Controller(index) => found.controller = Some(index),
                LinkAttribute::Link(index) => found.lower = Some(index),
                LinkAttribute::LinkInfo(info) => {
                    found.tap = info.contains(&LinkInfo::Kind(InfoKind::Tun));
                }
                LinkAttribute::Stats64(stats) => {
                    found.counters = [
                        Tally {
                            packets: stats.rx_packets,
                            bytes: stats.rx_bytes,
                        },
                        Tally {
                            packets: stats.tx_packets,
                            bytes: stats.tx_bytes,
                        },
                    ];
                }
                _ => {}
            }
        }
        if elsewhere {
            found.lower = None;
        }
        Ok(found)
    }

    /// What its counters say of the ways that are hooked: a loopback device has no egress hook.
    #[must_use]
    pub fn hooked(&self) -> [Tally; 2] {
        let [received, sent] = self.counters;
        [
            received,
            if self.loopback {
                Tally::default()
            } else {
                sent
            },
        ]
    }

    /// The same packets pass both: one is the other's bridge, bond, VLAN parent or carrier.
    fn stacked_on(&self, other: &Self) -> bool {
        self.index != other.index
            && (self.controller == Some(other.index) || self.lower == Some(other.index))
    }
}

/// Refuses a list in which two devices would see the same packets.
///
/// # Errors
/// Names the two.
pub fn refuse_stacked(interfaces: &[Interface]) -> anyhow::Result<()> {
    for upper in interfaces {
        if let Some(other) = interfaces.iter().find(|other| upper.stacked_on(other)) {
            bail!(
                "{} belongs to {}: the same packets pass both and would count twice; \
                 meter only one of them",
                upper.name,
                other.name
            );
        }
        if interfaces
            .iter()
            .filter(|other| other.index == upper.index)
            .count()
            > 1
        {
            bail!("{} is named twice; name it once", upper.name);
        }
    }
    Ok(())
}

fn link_of(name: &str, layer: LinkLayerType) -> anyhow::Result<Link> {
    match layer {
        LinkLayerType::Ether | LinkLayerType::Loopback => Ok(Link::Ethernet),
        LinkLayerType::None
        | LinkLayerType::Rawip
        | LinkLayerType::Ppp
        | LinkLayerType::Tunnel
        | LinkLayerType::Tunnel6
        | LinkLayerType::Sit
        | LinkLayerType::Ipgre
        | LinkLayerType::Ip6gre => Ok(Link::Ip),
        other => bail!(
            "{name} has frames of type {other:?}, which the meter can't read; \
             it reads Ethernet and IP devices"
        ),
    }
}

/// A way to ask the kernel for interfaces, which stays open when no other can be opened.
pub struct Links(Socket);

impl Links {
    /// Opens the way, in the network namespace of the calling thread.
    ///
    /// # Errors
    /// The kernel refuses a netlink socket.
    pub fn open() -> anyhow::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE).context("netlink")?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self(socket))
    }

    /// As [`Interface::named`].
    ///
    /// # Errors
    /// As [`Interface::named`].
    pub fn named(&self, name: &str) -> anyhow::Result<Interface> {
        Interface::of(name, request(&self.0, name)?)
    }
}

fn request(socket: &Socket, name: &str) -> anyhow::Result<LinkMessage> {
    let mut message = LinkMessage::default();
    message
        .attributes
        .push(LinkAttribute::IfName(name.to_owned()));
    let mut packet = NetlinkMessage::new(
        NetlinkHeader::default(),
        NetlinkPayload::from(RouteNetlinkMessage::GetLink(message)),
    );
    packet.header.flags = NLM_F_REQUEST;
    packet.finalize();
    let mut bytes = vec![0; packet.buffer_len()];
    packet.serialize(&mut bytes);
    socket.send(&bytes, 0)?;
    let (answer, _) = socket.recv_from_full()?;
    match NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer)?.payload {
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => Ok(link),
        NetlinkPayload::Error(error) => {
            let reason = error.to_io();
            if reason.raw_os_error() == Some(libc::ENODEV) {
                bail!("there is no interface {name}; `ip link` lists those there are");
            }
            Err(reason).with_context(|| format!("asking for interface {name}"))
        }
        _ => bail!("the kernel's answer about interface {name} is not understood"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_loopback_device_sends_is_expected_at_no_hook() {
        let mut device = Interface::named("lo").unwrap();
        assert!(device.loopback);
        device.counters = [Tally {
            packets: 3,
            bytes: 180,
        }; 2];
        assert_eq!(device.hooked(), [device.counters[0], Tally::default()]);
        device.loopback = false;
        assert_eq!(device.hooked(), device.counters);
    }
}
