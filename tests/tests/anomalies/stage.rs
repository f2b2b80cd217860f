//! A metered host on a wire, and what its agent found when it stopped.

use std::{fs::File, net::IpAddr};

use anyhow::{Result, ensure};
use collector_common::schema::{AnomalyKind, Direction, Leg, Line};
use collector_tests::link::VethPair;
use collector_tests::{
    binary::Home, frames::Path, link::IpVersion, netns::Namespace, raw_socket::RawSocket,
};

/// Frames a second from each end: a wire without a loss.
const PACE: u32 = 20_000;

/// What an anomaly line tells, without its numbers and the range of ports.
pub(crate) type Told = (AnomalyKind, Direction, Leg);

/// The far end, which nobody meters, and the metered host.
pub(crate) struct Stage {
    pub(crate) far: Namespace,
    pub(crate) host: Namespace,
    pub(crate) pair: VethPair,
}

impl Stage {
    pub(crate) fn new() -> Result<Self> {
        let (far, host) = (Namespace::new("far")?, Namespace::new("host")?);
        let pair = VethPair::between(&far, &host)?;
        Ok(Self { far, host, pair })
    }

    /// From the far end to the host.
    pub(crate) fn inward(&self) -> Path {
        let (far, host) = (&self.pair.a, &self.pair.b);
        nobody_answers(Path::between(far, host, IpVersion::V4, (40_000, 443)))
    }

    /// From the host to the far end.
    pub(crate) fn outward(&self) -> Path {
        let (far, host) = (&self.pair.a, &self.pair.b);
        nobody_answers(Path::between(host, far, IpVersion::V4, (40_000, 443)))
    }

    pub(crate) fn send_in(&self, frames: &[Vec<u8>]) -> Result<()> {
        let socket = RawSocket::bind(&self.far, &self.pair.a.name)?;
        socket.send_paced(frames, PACE).map(drop)
    }

    pub(crate) fn send_out(&self, frames: &[Vec<u8>]) -> Result<()> {
        let socket = RawSocket::bind(&self.host, &self.pair.b.name)?;
        socket.send_paced(frames, PACE).map(drop)
    }

    /// What the shipped program tells of the host while `traffic` crosses the wire, in its files; its
    /// log tells as much.
    pub(crate) fn metered(&self, traffic: impl FnOnce(&Self) -> Result<()>) -> Result<Vec<Told>> {
        let home = Home::new()?;
        let interface = &self.pair.b.name;
        let agent = home.start(&self.host, &["--iface", interface, "--tor-user", "root"])?;
        traffic(self)?;
        let (status, log) = agent.terminate()?;
        ensure!(status.success(), "{status}: {log}");
        let mut told = Vec::new();
        for file in home.files() {
            told.extend(anomalies(&file)?);
        }
        told.sort_unstable();
        let warned = log.matches("anomaly: ").count();
        ensure!(warned == told.len(), "{told:?}, and the log says\n{log}");
        told.dedup();
        Ok(told)
    }
}

/// The frame passes the hooks and no stack takes it: the wire is the kernel's, the ends are ours.
fn nobody_answers(mut path: Path) -> Path {
    path.macs.1 = [2, 0, 0, 0, 0xff, 0xff];
    path
}

/// To another host of the same network.
pub(crate) fn to_host(path: Path, number: u16) -> Path {
    let [high, low] = number.to_be_bytes();
    let address = |address: IpAddr| match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            IpAddr::from([first, second, high, low])
        }
        v6 => v6,
    };
    let (source, destination) = path.addresses;
    Path {
        addresses: (source, address(destination)),
        ..path
    }
}

/// From another host.
pub(crate) fn from_host(path: Path, number: u16) -> Path {
    to_host(path.reversed(), number).reversed()
}

fn anomalies(file: &std::path::Path) -> Result<Vec<Told>> {
    let text = String::from_utf8(zstd::decode_all(File::open(file)?)?)?;
    let mut told = Vec::new();
    for line in text.lines() {
        if let Line::Anomaly(anomaly) = serde_json::from_str(line)? {
            ensure!(anomaly.starts > 0 && anomaly.flows >= 20, "{line}");
            let traits = anomaly.traits;
            told.push((traits.kind, traits.direction, traits.leg));
        }
    }
    Ok(told)
}
