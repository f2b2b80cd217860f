//! Records as the generated mix has them, any number of them: those that a replay of it makes, taken
//! again and again with other far addresses, ids, times and sizes.

use std::{io, thread};

use anyhow::{Result, anyhow};
use collector::{
    capture::{
        reader::{Captures, Source},
        replay::{Replay, ReplayConfig, Vantage},
    },
    locate::{
        Surroundings,
        leg::{self, Host},
    },
    network::Network,
    pipeline::WallClock,
    record::Record,
};
use collector_common::{key::Address, schema::Country, wire::Tally};
use fastrand::Rng;

use crate::{
    replayed::{Kept, Whole},
    trace::{Kind, Limit, Mix, Outputs, Resolution, Shares, Trace},
};

/// The relay whose interface the generator captures.
const RELAY: [&str; 2] = ["203.0.113.9", "2001:db8:ffff::9"];
/// First bytes of the IPv6 addresses that the registries gave out.
const GIVEN_OUT: [u8; 6] = [0x20, 0x24, 0x26, 0x28, 0x2a, 0x2c];
/// Flows at a time: any of them ends next.
const OPEN: u64 = 10_000;
/// Nanoseconds of an hour: all records begin within one.
const HOUR: u64 = 3_600_000_000_000;
/// The hour's begin, UTC, nanoseconds since the Unix epoch.
pub const BEGIN: u64 = 1_767_225_600_000_000_000;

/// The relay's addresses.
///
/// # Errors
/// None that a run could meet: the addresses are written here.
pub fn relay() -> Result<Vec<Network>> {
    RELAY.iter().map(|address| address.parse()).collect()
}

/// Makes records.
pub struct Records {
    pool: Vec<Record>,
    surroundings: Surroundings,
    chance: Rng,
    /// Ids of flows that are under way.
    open: Vec<u64>,
    made: u64,
}

impl Records {
    /// Replays a mix of so many flows; `surroundings` tell which addresses have a country.
    ///
    /// # Errors
    /// The replay failed.
    pub fn of_mix(flows: u64, mut surroundings: Surroundings) -> Result<Self> {
        let config = leg::Config::new(Host::Told(relay()?));
        let now = WallClock::default().utc(BEGIN);
        surroundings.legs = leg::Source::open(config, now)?.current();
        Ok(Self {
            pool: replay(flows)?,
            surroundings,
            chance: Rng::with_seed(1),
            open: (0..OPEN).collect(),
            made: OPEN,
        })
    }

    /// What is known of the addresses in the records.
    #[must_use]
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// So many more.
    pub fn take(&mut self, count: usize) -> Vec<Record> {
        (0..count).map(|_| self.record()).collect()
    }

    fn record(&mut self) -> Record {
        let mut record = self.pool[self.chance.usize(..self.pool.len())].clone();
        let ended = self.chance.usize(..self.open.len());
        let entry = &mut record.flow.entry;
        entry.id = std::mem::replace(&mut self.open[ended], self.made);
        self.made += 1;
        let (lasted, begin) = (entry.last - entry.since, BEGIN + self.chance.u64(..HOUR));
        entry.since = begin;
        entry.last = begin + lasted + self.chance.u64(..1 + lasted / 8);
        for count in &mut record.counts {
            *count = Tally {
                packets: count.packets + self.chance.u64(..1 + count.packets / 8),
                bytes: count.bytes + self.chance.u64(..1 + count.bytes / 8),
            };
        }
        let version = record.flow.key.version;
        for address in &mut record.flow.key.address {
            if !self.surroundings.legs.is_own(address, version) {
                *address = far(&mut self.chance, &self.surroundings, version);
            }
        }
        record
    }
}

/// Somewhere in a country.
fn far(chance: &mut Rng, surroundings: &Surroundings, version: u8) -> Address {
    loop {
        let address = if version == 4 {
            Address::v4(chance.u32(..).to_be_bytes())
        } else {
            let mut octets = chance.u128(..).to_be_bytes();
            octets[0] = GIVEN_OUT[chance.usize(..GIVEN_OUT.len())];
            Address::v6(octets)
        };
        let country = surroundings.countries.lookup(&address, version).country;
        if ![Country::UNKNOWN, Country::NOWHERE].contains(&country) {
            return address;
        }
    }
}

/// The records of a mix, which is made while it is read.
fn replay(flows: u64) -> Result<Vec<Record>> {
    let (reader, mut writer) = io::pipe()?;
    let maker = thread::spawn(move || {
        mix(flows).write(Outputs {
            capture: &mut writer,
            truth: None,
            progress: &mut |_| {},
        })
    });
    let config = ReplayConfig {
        vantage: Vantage::Host(relay()?),
        ..ReplayConfig::default()
    };
    let mut replay = Replay::new(config, Whole, Kept::default());
    let mut captures = Captures::new(vec![Source::reader("mix", reader)]);
    while let Some(frame) = captures.next().map_err(|damage| anyhow!("{damage}"))? {
        replay.frame(&frame)?;
    }
    maker
        .join()
        .map_err(|_| anyhow!("the generator panicked"))??;
    Ok(replay.finish()?.1.0)
}

/// As `gen-trace` makes it when nothing else is asked for.
fn mix(flows: u64) -> Trace {
    Trace {
        kind: Kind::Mix(Mix {
            limit: Limit::Flows(flows),
            concurrency: 2000,
            shares: Shares::default(),
            ipv6: 10,
            mean_packets: 120.0,
        }),
        rate: 5000,
        resolution: Resolution::Micro,
        seed: 1,
    }
}
