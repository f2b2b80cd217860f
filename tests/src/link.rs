//! Veth pairs that stay quiet: fixed addresses, permanent neighbours, nothing that speaks on its
//! own, so that every packet on the wire is a packet a test has sent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result};
use nix::net::if_::if_nametoindex;
use serde_json::Value;

use crate::netns::{Namespace, run};

/// Documentation networks (RFC 5737, RFC 3849) of a pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Subnet {
    /// 192.0.2.0/24 and `2001:db8::/64`.
    #[default]
    First,
    /// 198.51.100.0/24 and `2001:db8:1::/64`.
    Second,
    /// 203.0.113.0/24 and `2001:db8:2::/64`.
    Third,
}

impl Subnet {
    /// IPv4 address of host `number`.
    #[must_use]
    pub fn v4(self, number: u8) -> Ipv4Addr {
        match self {
            Subnet::First => Ipv4Addr::new(192, 0, 2, number),
            Subnet::Second => Ipv4Addr::new(198, 51, 100, number),
            Subnet::Third => Ipv4Addr::new(203, 0, 113, number),
        }
    }

    /// IPv6 address of host `number`.
    #[must_use]
    pub fn v6(self, number: u8) -> Ipv6Addr {
        let third = match self {
            Subnet::First => 0,
            Subnet::Second => 1,
            Subnet::Third => 2,
        };
        Ipv6Addr::new(0x2001, 0xdb8, third, 0, 0, 0, 0, number.into())
    }
}

/// Which offloads an interface has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Offloads {
    /// None: every buffer is one wire packet with a full checksum.
    #[default]
    None,
    /// TSO, GSO and checksums, as on a NIC without receive offload.
    Segmentation,
    /// All of them, with GRO. GRO also gives a veth its NAPI, which XDP frames sent to it need.
    All,
}

/// How a pair is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VethOptions {
    /// Interface name, the same on both sides; 15 bytes at most.
    pub name: &'static str,
    /// Largest IP packet, bytes.
    pub mtu: u32,
    /// Offloads of both ends.
    pub offloads: Offloads,
    /// Addresses: host 1 on side a, host 2 on side b.
    pub subnet: Subnet,
}

impl Default for VethOptions {
    fn default() -> Self {
        Self {
            name: "wire",
            mtu: 1500,
            offloads: Offloads::None,
            subnet: Subnet::First,
        }
    }
}

/// Two interfaces, each other's wire.
#[derive(Clone, Debug)]
pub struct VethPair {
    /// In the first namespace.
    pub a: End,
    /// In the second namespace.
    pub b: End,
}

/// One interface of a pair.
#[derive(Clone, Debug)]
pub struct End {
    /// Interface name.
    pub name: String,
    /// Interface index within its namespace.
    pub index: u32,
    /// Hardware address.
    pub mac: [u8; 6],
    /// IPv4 address.
    pub v4: Ipv4Addr,
    /// IPv6 address.
    pub v6: Ipv6Addr,
}

impl End {
    /// The address of one IP version.
    #[must_use]
    pub fn address(&self, version: IpVersion) -> IpAddr {
        match version {
            IpVersion::V4 => self.v4.into(),
            IpVersion::V6 => self.v6.into(),
        }
    }
}

/// Which IP version a test runs over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl IpVersion {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];
}

impl VethPair {
    /// A pair with the default options.
    ///
    /// # Errors
    /// `ip` or `ethtool` fails.
    pub fn between(a: &Namespace, b: &Namespace) -> Result<Self> {
        Self::with(a, b, VethOptions::default())
    }

    /// A pair, up on both sides.
    ///
    /// # Errors
    /// `ip` or `ethtool` fails.
    pub fn with(a: &Namespace, b: &Namespace, options: VethOptions) -> Result<Self> {
        let name = options.name;
        run(std::process::Command::new("ip").args([
            "link",
            "add",
            "name",
            name,
            "netns",
            a.name(),
            "type",
            "veth",
            "peer",
            "name",
            name,
            "netns",
            b.name(),
        ]))?;
        Self::prepared(a, b, options)
    }

    /// A pair of VXLAN devices whose carrier goes from `carrier.0` to `carrier.1`.
    ///
    /// # Errors
    /// `ip` or `ethtool` fails.
    pub fn vxlan(
        a: &Namespace,
        b: &Namespace,
        carrier: (IpAddr, IpAddr),
        options: VethOptions,
    ) -> Result<Self> {
        for (namespace, local, remote) in [(a, carrier.0, carrier.1), (b, carrier.1, carrier.0)] {
            namespace.ip(&format!(
                "link add name {} type vxlan id 1 dstport 4789 local {local} remote {remote}",
                options.name
            ))?;
        }
        Self::prepared(a, b, options)
    }

    /// Gives both devices what makes them a quiet pair.
    fn prepared(a: &Namespace, b: &Namespace, options: VethOptions) -> Result<Self> {
        let pair = Self {
            a: prepare(a, options, 1)?,
            b: prepare(b, options, 2)?,
        };
        neighbour(a, options.name, &pair.b)?;
        neighbour(b, options.name, &pair.a)?;
        Ok(pair)
    }
}

fn prepare(namespace: &Namespace, options: VethOptions, number: u8) -> Result<End> {
    let name = options.name;
    let (v4, v6) = (options.subnet.v4(number), options.subnet.v6(number));
    namespace.ip(&format!("link set {name} mtu {}", options.mtu))?;
    quiet(namespace, name)?;
    set_offloads(namespace, name, options.offloads)?;
    namespace.ip(&format!("address add {v4}/24 dev {name}"))?;
    namespace.ip(&format!("address add {v6}/64 dev {name} nodad"))?;
    namespace.ip(&format!("link set {name} up"))?;
    let _inside = namespace.enter()?;
    Ok(End {
        name: name.to_owned(),
        index: if_nametoindex(name)?,
        mac: hardware_address(namespace, name)?,
        v4,
        v6,
    })
}

/// Stops an interface from sending on its own: before it is up and has addresses.
///
/// No link-local address and no router solicitation; no ARP and no multicast, because joining a
/// solicited-node group sends MLD reports that no setting switches off (`addrconf_join_solict` in
/// net/ipv6/addrconf.c joins unless the device has IFF_NOARP). Permanent neighbours still serve.
///
/// # Errors
/// No such interface.
pub fn quiet(namespace: &Namespace, interface: &str) -> Result<()> {
    for (setting, value) in [
        ("addr_gen_mode", "1"),
        ("accept_ra", "0"),
        ("autoconf", "0"),
        ("router_solicitations", "0"),
        ("accept_dad", "0"),
    ] {
        namespace.sysctl(&format!("net/ipv6/conf/{interface}/{setting}"), value)?;
    }
    namespace.ip(&format!("link set {interface} arp off multicast off"))?;
    Ok(())
}

/// Switches an interface's offloads.
///
/// # Errors
/// `ethtool` fails.
pub fn set_offloads(namespace: &Namespace, interface: &str, offloads: Offloads) -> Result<()> {
    let (segmentation, receive) = match offloads {
        Offloads::None => ("off", "off"),
        Offloads::Segmentation => ("on", "off"),
        Offloads::All => ("on", "on"),
    };
    let mut command = namespace.command("ethtool");
    command.args(["-K", interface, "tx", segmentation, "rx", segmentation]);
    command.args(["tso", segmentation, "gso", segmentation, "gro", receive]);
    command.args(["tx-udp-segmentation", segmentation]);
    run(&mut command).map(drop)
}

fn neighbour(namespace: &Namespace, interface: &str, other: &End) -> Result<()> {
    let [a, b, c, d, e, f] = other.mac;
    let mac = format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}");
    for address in [IpAddr::from(other.v4), IpAddr::from(other.v6)] {
        namespace.ip(&format!(
            "neigh replace {address} lladdr {mac} dev {interface} nud permanent"
        ))?;
    }
    Ok(())
}

fn hardware_address(namespace: &Namespace, interface: &str) -> Result<[u8; 6]> {
    let link = show(namespace, interface)?;
    let text = link["address"].as_str().context("no hardware address")?;
    let bytes = text
        .split(':')
        .map(|byte| u8::from_str_radix(byte, 16))
        .collect::<Result<Vec<u8>, _>>()?;
    bytes.as_slice().try_into().context("not six bytes")
}

/// An interface's own counters since it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Buffers received: on veth super-packets count once.
    pub rx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Dropped on receive: the backlog or the XDP ring was full.
    pub rx_dropped: u64,
    /// Receive errors.
    pub rx_errors: u64,
    /// Buffers sent.
    pub tx_packets: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Dropped on send.
    pub tx_dropped: u64,
    /// Send errors.
    pub tx_errors: u64,
}

impl Counters {
    /// Reads an interface's counters.
    ///
    /// # Errors
    /// No such interface.
    pub fn read(namespace: &Namespace, interface: &str) -> Result<Self> {
        let link = show(namespace, interface)?;
        let count = |side: &str, what: &str| {
            link["stats64"][side][what]
                .as_u64()
                .with_context(|| format!("no counter {side}.{what}"))
        };
        Ok(Self {
            rx_packets: count("rx", "packets")?,
            rx_bytes: count("rx", "bytes")?,
            rx_dropped: count("rx", "dropped")?,
            rx_errors: count("rx", "errors")?,
            tx_packets: count("tx", "packets")?,
            tx_bytes: count("tx", "bytes")?,
            tx_dropped: count("tx", "dropped")?,
            tx_errors: count("tx", "errors")?,
        })
    }

    /// All that was lost, either way.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.rx_dropped + self.rx_errors + self.tx_dropped + self.tx_errors
    }

    /// What was counted after `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            rx_packets: self.rx_packets - earlier.rx_packets,
            rx_bytes: self.rx_bytes - earlier.rx_bytes,
            rx_dropped: self.rx_dropped - earlier.rx_dropped,
            rx_errors: self.rx_errors - earlier.rx_errors,
            tx_packets: self.tx_packets - earlier.tx_packets,
            tx_bytes: self.tx_bytes - earlier.tx_bytes,
            tx_dropped: self.tx_dropped - earlier.tx_dropped,
            tx_errors: self.tx_errors - earlier.tx_errors,
        }
    }
}

fn show(namespace: &Namespace, interface: &str) -> Result<Value> {
    let text = namespace.ip(&format!("-s -j link show dev {interface}"))?;
    let mut links: Vec<Value> = serde_json::from_str(&text)?;
    links.pop().context("no such interface")
}
