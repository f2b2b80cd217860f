//! What it costs to say where an address is, over the country data of this machine.

use std::{hint::black_box, path::PathBuf, time::Instant};

use anyhow::{Context, Result};
use clap::Parser;
use collector::locate::country::{Countries, Files, Source};
use collector_common::{key::Address, schema::Country};

/// Nanoseconds of a look-up.
#[derive(Parser)]
struct Arguments {
    /// Country data in the place of tor's files, as of `collector run --geo`
    #[arg(long)]
    geo: Option<PathBuf>,
    /// Addresses of each IP version
    #[arg(long, default_value_t = 10_000_000)]
    addresses: u32,
}

/// First bytes of the IPv6 addresses that the registries gave out.
const GIVEN_OUT: [u8; 6] = [0x20, 0x24, 0x26, 0x28, 0x2a, 0x2c];

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (before, start) = (resident_kib()?, Instant::now());
    let source = Source::open(Files {
        geo: arguments.geo,
        ..Files::default()
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let countries = source.current();
    println!(
        "{} ranges read in {seconds:.2} s; resident memory grew by {:.1} MiB",
        countries.ranges(),
        resident_kib()?.saturating_sub(before) as f64 / 1024.0
    );
    let mut chance = fastrand::Rng::with_seed(1);
    let v4: Vec<Address> = (0..arguments.addresses)
        .map(|_| Address::v4(chance.u32(..).to_be_bytes()))
        .collect();
    measure("IPv4", &countries, &v4, 4);
    let v6: Vec<Address> = (0..arguments.addresses)
        .map(|_| {
            let mut octets = chance.u128(..).to_be_bytes();
            octets[0] = GIVEN_OUT[chance.usize(..GIVEN_OUT.len())];
            Address::v6(octets)
        })
        .collect();
    measure("IPv6", &countries, &v6, 6);
    Ok(())
}

fn measure(name: &str, countries: &Countries, addresses: &[Address], version: u8) {
    let start = Instant::now();
    let known = addresses
        .iter()
        .filter(|address| black_box(countries.lookup(address, version)).country != Country::UNKNOWN)
        .count();
    let nanoseconds = start.elapsed().as_nanos() as f64 / addresses.len() as f64;
    println!(
        "{name}: {nanoseconds:.0} ns a random address, {:.0} % of them known",
        100.0 * known as f64 / addresses.len() as f64
    );
}

fn resident_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no VmRSS in /proc/self/status")?.parse()?)
}
