//! What `status` says holds at any time, and on a quiet interface to the packet.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::Result;
use collector::live::Status;
use collector_common::settings::SECOND;
use collector_tests::{
    generator::Stream,
    link::IpVersion,
    meter::{Meter, options, pipeline},
    wire::{Pace, Wire, wire_or_skip, without_drops},
};

const FLOWS: u32 = 1_000;
const READINGS: usize = 50;
/// As in `collector status`.
const IN_A_ROW: usize = 3;

/// Under traffic: every reading, and the longest row of those that did not hold.
struct Readings {
    statuses: Vec<Status>,
    longest_row: usize,
}

fn read_under_traffic(meter: &Meter) -> Result<Readings> {
    let (mut row, mut longest_row) = (0, 0);
    let mut statuses = Vec::new();
    while statuses.len() < READINGS {
        let status = meter.status()?;
        row = if status.balance.holds() { 0 } else { row + 1 };
        longest_row = longest_row.max(row);
        statuses.push(status);
        thread::sleep(Duration::from_millis(50));
    }
    Ok(Readings {
        statuses,
        longest_row,
    })
}

/// Readings under traffic, the one after it, and the packets that were sent. `None` when the wire
/// lost packets.
fn meter_flood(pace: Pace) -> Result<Option<(Readings, Status, u64)>> {
    let wire = Wire::new()?;
    let stream = Stream::udp(&wire.pair.a, &wire.pair.b, IpVersion::V4, FLOWS);
    let generator = wire.generator(&stream)?;
    let folder = tempfile::tempdir()?;
    let mut options = options(&wire.pair.b.name, folder.path());
    // Cuts as well, so that readings fall between a snapshot and its commit.
    options.timeouts.active = SECOND;
    let before = wire.arrived()?;
    let meter = Meter::start(&wire.right, options, pipeline(folder.path()))?;
    let done = AtomicBool::new(false);
    let (readings, rounds) = thread::scope(|scope| {
        let sender =
            scope.spawn(|| wire.rounds(&generator, FLOWS, pace, || !done.load(Ordering::Relaxed)));
        let readings = read_under_traffic(&meter);
        done.store(true, Ordering::Relaxed);
        let rounds = sender.join().expect("the sender lives");
        anyhow::Ok((readings?, rounds?))
    })?;
    let arrived = wire.arrived()?.since(&before);
    let quiet = meter.status()?;
    let (summary, _) = meter.stop()?;
    assert_eq!(summary.balance.difference, 0, "{:?}", summary.balance);
    let sent = rounds * u64::from(FLOWS);
    let lost = arrived.lost() > 0 || arrived.rx_packets != sent;
    Ok((!lost).then_some((readings, quiet, sent)))
}

#[test]
fn fifty_readings_hold_under_traffic_and_a_quiet_one_is_exact() -> Result<()> {
    if !wire_or_skip() {
        return Ok(());
    }
    let (readings, quiet, sent) = without_drops(meter_flood)?;
    let off = readings.statuses.iter().filter(|one| !one.balance.holds());
    println!("{sent} packets, {} readings of {READINGS} off", off.count());
    assert!(readings.longest_row < IN_A_ROW, "the books did not hold");
    let moved = |status: &Status| status.balance.to > status.balance.from;
    assert!(
        readings.statuses.iter().any(moved),
        "no packet came meanwhile"
    );
    let balance = quiet.balance;
    assert_eq!(
        (
            balance.from,
            balance.to,
            balance.metered,
            balance.difference
        ),
        (sent, sent, sent, 0)
    );
    assert_eq!(quiet.live.packets + quiet.written.packets, sent);
    assert_eq!(quiet.seen["ingress"], quiet.interface["ingress"]);
    assert_eq!(quiet.seen["ingress"].packets, sent);
    Ok(())
}
