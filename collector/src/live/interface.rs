//! What the meter knows of a network interface.

use anyhow::{Context, bail};
use collector_common::{packet::Link, wire::Tally};
use netlink_packet_route::link::{
    InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
};

use super::links::Links;

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
    /// It is switched on, and its link is there.
    pub is_up: bool,
    /// How often its link went since it exists.
    pub downs: u32,
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
        let asked = Links::open().and_then(|mut links| links.named(name));
        let found = asked.with_context(|| format!("asking for interface {name}"))?;
        let Some(message) = found else {
            bail!("there is no interface {name} (yet); `ip link` lists those there are");
        };
        Self::of(message)
    }

    /// Asks for the interface of number `index`; `None`: it is gone.
    ///
    /// # Errors
    /// One whose frames we can't read.
    pub(super) fn numbered(links: &mut Links, index: u32) -> anyhow::Result<Option<Self>> {
        let found = links.numbered(index);
        let found = found.with_context(|| format!("asking for interface {index}"))?;
        found.map(Self::of).transpose()
    }

    fn of(message: LinkMessage) -> anyhow::Result<Self> {
        let layer = message.header.link_layer_type;
        let named = message
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                LinkAttribute::IfName(name) => Some(name.clone()),
                _ => None,
            });
        let name = named.context("an interface without a name")?;
        let mut found = Self {
            index: message.header.index,
            link: link_of(&name, layer)?,
            name,
            loopback: layer == LinkLayerType::Loopback,
            tap: false,
            mtu: 0,
            is_up: message
                .header
                .flags
                .contains(LinkFlags::Up | LinkFlags::LowerUp),
            downs: 0,
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
                LinkAttribute::CarrierDownCount(downs) => found.downs = downs,
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
