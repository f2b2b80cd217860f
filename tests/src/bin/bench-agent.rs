//! What the agent itself costs while established flows carry as many packets as the generator
//! makes: its share of one core, and whether every packet was metered.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use collector_tests::{
    binary::Home,
    generator::{Stream, unanswered},
    link::IpVersion,
    usage::Usage,
    wire::{Pace, Wire},
};

/// The agent's own cost on established flows.
#[derive(Parser)]
struct Arguments {
    /// How long to send
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Flows that carry the packets
    #[arg(long, default_value_t = 1000)]
    flows: u32,
    /// Packets a second at most; all that go by default
    #[arg(long)]
    rate: Option<u32>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let wire = Wire::new()?;
    let home = Home::new()?;
    let end = &wire.pair.b;
    let stream = Stream {
        frame: unanswered(&wire.pair.a, end, IpVersion::V4).udp(b"payload of a small datagram"),
        version: IpVersion::V4,
        flows: arguments.flows,
    };
    let agent = home.start(&wire.right, &["--iface", &end.name, "--ingress", "tc"])?;
    let generator = wire.generator(&stream)?;
    let pace = arguments.rate.map_or(Pace::Full, Pace::PerSecond);
    // The flows are there, and their first payload is taken, before the clock runs.
    let warm = wire.rounds(
        &generator,
        arguments.flows,
        Pace::PerSecond(100_000),
        once(20),
    )?;
    wire.arrived()?;
    let (start, before) = (Instant::now(), Usage::of(agent.id())?.cpu);
    let seconds = arguments.seconds;
    let rounds = wire.rounds(&generator, arguments.flows, pace, || {
        start.elapsed().as_secs() < seconds
    })?;
    let elapsed = start.elapsed().as_secs_f64();
    let cpu = Usage::of(agent.id())?.cpu - before;
    let arrived = wire.arrived()?;
    let sent = (warm + rounds) * u64::from(arguments.flows);
    let status = home.status()?;
    let seen = status
        .seen
        .get("ingress")
        .context("no ingress counter")?
        .packets;
    let packets = rounds * u64::from(arguments.flows);
    println!("packets sent             {sent:>14}");
    println!("arrived at the interface {:>14}", arrived.rx_packets);
    println!("seen by the hook         {seen:>14}");
    println!("metered                  {:>14}", status.balance.metered);
    println!(
        "packets a second         {:>14.0}",
        packets as f64 / elapsed
    );
    println!("agent, share of one core {:>13.2}%", 100.0 * cpu / elapsed);
    ensure!(status.balance.holds(), "the books do not hold");
    ensure!(seen == arrived.rx_packets, "packets passed the hook unseen");
    let (ended, log) = agent.terminate()?;
    ensure!(ended.success(), "{ended}: {log}");
    Ok(())
}

/// True for the first `times` calls.
fn once(times: u32) -> impl Fn() -> bool {
    let left = std::cell::Cell::new(times);
    move || {
        let more = left.get() > 0;
        left.set(left.get().saturating_sub(1));
        more
    }
}
