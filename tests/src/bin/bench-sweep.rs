//! What closing costs over a full table: the agent's share of its core, how long a pass takes, and
//! whether anything is lost; beside the least that a look at every entry takes.

use std::{
    process, thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use clap::Parser;
use collector::live::Status;
use collector_common::packet::tcp;
use collector_tests::{
    binary::{Home, Running},
    generator::{Generator, Stream, unanswered},
    link::IpVersion,
    usage::{Usage, pin},
    wire::{Pace, Wire},
};

/// Closing over a full table.
#[derive(Parser)]
struct Arguments {
    /// How long to measure
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Flows that stay in the table
    #[arg(long, default_value_t = 1_000_000)]
    flows: u32,
    /// New flows a second, each of which its first packet ends
    #[arg(long, default_value_t = 20_000)]
    new: u32,
    /// The agent's core; everything else has the first
    #[arg(long, default_value_t = 1)]
    core: usize,
}

/// Readings of single passes, after the measurement: each walks over the table, too.
const READINGS: usize = 15;
/// More distinct flows than end within the time that they stay in the table.
const DISTINCT: u32 = 4_000_000;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let wire = Wire::new()?;
    let home = Home::new()?;
    pin(process::id(), 0)?;
    let agent = start(&arguments, &wire, &home)?;
    fill(&arguments, &wire)?;
    let passing = passing(&wire)?;
    let pace = Pace::PerSecond(arguments.new);
    wire.send(&passing, 5 * arguments.new, pace)?;
    let (started, before) = (Instant::now(), Usage::of(agent.id())?.cpu);
    let until = Duration::from_secs(arguments.seconds);
    while started.elapsed() < until {
        wire.send(&passing, arguments.new, pace)?;
    }
    let share = (Usage::of(agent.id())?.cpu - before) / started.elapsed().as_secs_f64();
    let (passes, looks) = readings(&arguments, &wire, &home, &passing)?;
    let arrived = wire.arrived()?;
    let status = settled(&home)?;
    print(&status, share, &passes, &looks);
    println!(
        "agent's memory, peak     {:>10} MB",
        Usage::of(agent.id())?.most_resident >> 10
    );
    let seen = status.seen["ingress"].packets;
    ensure!(seen == arrived.rx_packets, "packets passed the hook unseen");
    ensure!(status.balance.holds(), "the books do not hold");
    let start = Instant::now();
    let (ended, log) = agent.terminate()?;
    println!(
        "stop, all flows written  {:>10} ms",
        start.elapsed().as_millis()
    );
    ensure!(ended.success(), "{ended}: {log}");
    Ok(())
}

fn start(arguments: &Arguments, wire: &Wire, home: &Home) -> Result<Running> {
    let room = (arguments.flows + 10 * arguments.new).to_string();
    let agent = home.start(
        &wire.right,
        &[
            "--iface",
            &wire.pair.b.name,
            "--table-size",
            &room,
            "--idle-timeout",
            "86400",
            "--linger",
            "1",
        ],
    )?;
    pin(agent.id(), arguments.core)?;
    Ok(agent)
}

/// Flows that nobody ends.
fn fill(arguments: &Arguments, wire: &Wire) -> Result<()> {
    let frame = unanswered(&wire.pair.a, &wire.pair.b, IpVersion::V4).udp(b"payload");
    let staying = wire.generator(&Stream {
        frame,
        version: IpVersion::V4,
        flows: arguments.flows,
    })?;
    wire.send(&staying, arguments.flows, Pace::PerSecond(100_000))?;
    Ok(())
}

/// Flows that end at once.
fn passing(wire: &Wire) -> Result<Generator> {
    let path = unanswered(&wire.pair.a, &wire.pair.b, IpVersion::V4);
    wire.generator(&Stream {
        frame: path.tcp(tcp::RST, 1, b""),
        version: IpVersion::V4,
        flows: DISTINCT,
    })
}

/// Single passes, and looks at every entry by the kernel's batches; milliseconds.
fn readings(
    arguments: &Arguments,
    wire: &Wire,
    home: &Home,
    passing: &Generator,
) -> Result<(Vec<u64>, Vec<u64>)> {
    let (mut passes, mut looks) = (Vec::new(), Vec::new());
    for _ in 0..READINGS {
        wire.send(passing, arguments.new, Pace::PerSecond(arguments.new))?;
        let start = Instant::now();
        let status = home.status()?;
        looks.push(u64::try_from(start.elapsed().as_millis())?);
        passes.push(status.sweep.last.milliseconds);
    }
    passes.sort_unstable();
    looks.sort_unstable();
    Ok((passes, looks))
}

/// Once the flows that passed are closed.
fn settled(home: &Home) -> Result<Status> {
    thread::sleep(Duration::from_secs(4));
    home.status()
}

fn print(status: &Status, share: f64, passes: &[u64], looks: &[u64]) {
    let lost: u64 = status.reasons.values().map(|reason| reason.packets).sum();
    println!("flows in the table       {:>10}", status.live_flows);
    println!("flows written            {:>10}", status.flows_written);
    println!("agent, share of its core {:>9.1}%", 100.0 * share);
    println!("a pass, median           {:>10} ms", passes[READINGS / 2]);
    println!("a pass, longest          {:>10} ms", passes[READINGS - 1]);
    println!(
        "since the start, longest {:>10} ms, {} flows",
        status.sweep.longest.milliseconds, status.sweep.longest.flows
    );
    println!("every entry read, median {:>10} ms", looks[READINGS / 2]);
    println!("every entry read, least  {:>10} ms", looks[0]);
    println!("packets not metered      {lost:>10}");
    println!("payload samples lost     {:>10}", status.samples_lost);
}
