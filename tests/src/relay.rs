//! A router between client and server, for truth about offloads: the first wire carries
//! super-packets and is the one that a test meters, the second carries what a NIC would have put
//! on the wire, because the router has no offloads there and must cut.

use anyhow::Result;

use crate::{
    counts::WireTap,
    link::{Counters, IpVersion, Offloads, Subnet, VethOptions, VethPair, set_offloads},
    netns::Namespace,
};

/// Client, router, server, and the two wires between them.
#[derive(Debug)]
pub struct Relay {
    /// Where the metered interface is: side a of `first`.
    pub client: Namespace,
    /// Forwards.
    pub router: Namespace,
    /// Where the peers serve: side b of `second`.
    pub server: Namespace,
    /// Client to router, with the offloads that were asked for.
    pub first: VethPair,
    /// Router to server, without offloads: the true wire.
    pub second: VethPair,
}

/// Name of the interfaces of the first wire.
pub const METERED: &str = "metered";
/// Name of the interfaces of the second wire.
pub const TRUE_WIRE: &str = "true-wire";

impl Relay {
    /// Builds it; `offloads` are those of the client's interface. The router's end of the first
    /// wire merges nothing, so that what the server sends crosses both wires alike.
    ///
    /// # Errors
    /// Not root, or `ip` or `ethtool` fails.
    pub fn new(offloads: Offloads) -> Result<Self> {
        let client = Namespace::new("client")?;
        let router = Namespace::new("router")?;
        let server = Namespace::new("server")?;
        let options = VethOptions {
            name: METERED,
            offloads,
            ..VethOptions::default()
        };
        let first = VethPair::with(&client, &router, options)?;
        set_offloads(&router, METERED, Offloads::Segmentation)?;
        let options = VethOptions {
            name: TRUE_WIRE,
            subnet: Subnet::Second,
            ..VethOptions::default()
        };
        let second = VethPair::with(&router, &server, options)?;
        router.sysctl("net/ipv4/ip_forward", "1")?;
        router.sysctl("net/ipv6/conf/all/forwarding", "1")?;
        for (namespace, gateway) in [(&client, &first.b), (&server, &second.a)] {
            for address in IpVersion::ALL.map(|version| gateway.address(version)) {
                namespace.ip(&format!("route add default via {address}"))?;
            }
        }
        Ok(Self {
            client,
            router,
            server,
            first,
            second,
        })
    }

    /// Starts to count on the true wire.
    ///
    /// # Errors
    /// As [`WireTap::start`].
    pub fn tap(&self) -> Result<WireTap> {
        WireTap::start(&self.server, TRUE_WIRE)
    }

    /// What the four interfaces have lost; not 0: the two wires carried different things.
    ///
    /// # Errors
    /// The counters can't be read.
    pub fn lost(&self) -> Result<u64> {
        let mut lost = 0;
        for (namespace, interface) in [
            (&self.client, METERED),
            (&self.router, METERED),
            (&self.router, TRUE_WIRE),
            (&self.server, TRUE_WIRE),
        ] {
            lost += Counters::read(namespace, interface)?.lost();
        }
        Ok(lost)
    }
}
