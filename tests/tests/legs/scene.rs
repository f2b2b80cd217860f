//! A host with two relays at a wire, and what its meter makes of who speaks there.

use std::{fs, net::SocketAddr, path::PathBuf};

use anyhow::Result;
use collector::{
    locate::{
        Places, Surroundings,
        leg::{Config, Host, Source},
    },
    record::Record,
};
use collector_tests::{
    exact::responder,
    link::{IpVersion, VethPair},
    meter::{Meter, options, pipeline},
    netns::Namespace,
    peers::{self, Server},
};
use jiff::Timestamp;

/// Users that this host need not have.
pub(crate) const FIRST: u32 = 64_711;
pub(crate) const SECOND: u32 = 64_712;
pub(crate) const STRANGER: u32 = 64_713;
/// Where both relays are spoken to.
pub(crate) const OR_PORT: u16 = 9001;

/// A host with two relays, and the world.
pub(crate) struct Scene {
    pub(crate) host: Namespace,
    pub(crate) world: Namespace,
    pub(crate) pair: VethPair,
    folder: tempfile::TempDir,
    _servers: [Server; 2],
}

impl Scene {
    pub(crate) fn new() -> Result<Self> {
        let (host, world) = (Namespace::new("host")?, Namespace::new("world")?);
        let pair = VethPair::between(&host, &world)?;
        let servers = [peers::nginx(&world, 80, 443)?, peers::dnsmasq(&world, 53)?];
        Ok(Self {
            host,
            world,
            pair,
            folder: tempfile::tempdir()?,
            _servers: servers,
        })
    }

    pub(crate) fn of_world(&self, version: IpVersion, port: u16) -> SocketAddr {
        SocketAddr::new(self.pair.b.address(version), port)
    }

    pub(crate) fn of_host(&self, version: IpVersion, port: u16) -> SocketAddr {
        SocketAddr::new(self.pair.a.address(version), port)
    }

    /// What is known of the host and its relays: the second one is on IPv6 only. The world's
    /// port 443 is another relay's.
    pub(crate) fn source(&self) -> Result<Source> {
        let [first, second, network] = self.files()?;
        let config = Config {
            torrcs: vec![first, second],
            consensuses: vec![network],
            ..Config::new(Host::This)
        };
        let _inside = self.host.enter()?;
        Ok(Source::open(config, Timestamp::now())?)
    }

    /// Two torrc files and a consensus.
    pub(crate) fn files(&self) -> Result<[PathBuf; 3]> {
        let write = |name: &str, text: String| {
            let path = self.folder.path().join(name);
            fs::write(&path, text).map(|()| path)
        };
        let (v4, v6) = (self.pair.a.v4, self.pair.a.v6);
        let first = format!(
            "Nickname first\nUser {FIRST}\nORPort {v4}:{OR_PORT}\nOutboundBindAddress {v4}\n"
        );
        let second = format!(
            "Nickname second\nUser {SECOND}\nORPort [{v6}]:{OR_PORT} IPv6Only\n\
             OutboundBindAddressExit [{v6}]\n"
        );
        let other = format!(
            "r other ID 2038-01-01 00:00:00 {} 443 0\na [{}]:443\n",
            self.pair.b.v4, self.pair.b.v6
        );
        Ok([
            write("first", first)?,
            write("second", second)?,
            write("consensus", other)?,
        ])
    }

    /// What became of the traffic of `talk` at the host's wire, with what is told of it.
    pub(crate) fn metered(
        &self,
        surroundings: &Surroundings,
        talk: impl FnOnce() -> Result<()>,
    ) -> Result<Vec<(Record, Places)>> {
        let mut config = pipeline(self.folder.path());
        config.surroundings = surroundings.clone();
        let options = options(&self.pair.a.name, self.folder.path());
        let meter = Meter::start(&self.host, options, config)?;
        talk()?;
        let (summary, records) = meter.stop()?;
        assert!(summary.balance.holds());
        let told = |record: Record| {
            let places = surroundings.places(&record.flow);
            (record, places)
        };
        Ok(records.into_iter().map(told).collect())
    }
}

pub(crate) fn with_legs(source: &Source) -> Surroundings {
    Surroundings {
        legs: source.current(),
        ..Surroundings::default()
    }
}

/// The one flow that was opened to this end.
#[track_caller]
pub(crate) fn to(told: &[(Record, Places)], end: SocketAddr) -> &Places {
    let found: Vec<_> = told
        .iter()
        .filter(|(record, _)| responder(record) == end)
        .collect();
    assert_eq!(found.len(), 1, "flows to {end}");
    &found[0].1
}
