//! More flows than the table holds: none that is alive is lost, and every packet is accounted for.

use std::collections::{HashMap, HashSet};

use anyhow::{Result, ensure};
use collector::{live::Status, record::Record};
use collector_common::{books::Reason, expiry::End, key::FlowKey};
use collector_tests::{
    generator::Stream,
    link::IpVersion,
    meter::{Meter, options, pipeline},
    wire::{Pace, Wire, wire_or_skip, without_drops},
};

/// Entries of the table.
const TABLE: u32 = 100_000;
/// Flows on the wire at the same time.
const FLOWS: u32 = 200_000;
/// Packets of each flow.
const ROUNDS: u64 = 4;

/// A reading whose books hold, within the three that `collector status` takes.
fn balanced(meter: &Meter) -> Result<Status> {
    for _ in 0..3 {
        let status = meter.status()?;
        if status.balance.holds() {
            return Ok(status);
        }
        eprintln!("{:?}", status.balance);
    }
    anyhow::bail!("the books do not hold in three readings running")
}

fn packets(record: &Record) -> u64 {
    record.counts[0].packets + record.counts[1].packets
}

#[test]
fn a_full_table_keeps_its_flows_exact_and_every_other_packet_in_a_record_or_a_counter() -> Result<()>
{
    if !wire_or_skip() {
        return Ok(());
    }
    let lost = without_drops(|pace| overflow(pace, 64 << 20))?;
    assert_eq!(lost, 0, "the ring had room");
    Ok(())
}

#[test]
fn what_a_full_ring_loses_is_counted_to_the_packet() -> Result<()> {
    if !wire_or_skip() {
        return Ok(());
    }
    let lost = without_drops(|pace| overflow(pace, 64 << 10))?;
    assert!(lost > 0, "the ring never was full");
    Ok(())
}

/// Overflows the table, with a ring of `late_ring` bytes; gives the packets that the ring lost.
/// `None` when the wire lost packets.
fn overflow(pace: Pace, late_ring: u32) -> Result<Option<u64>> {
    let wire = Wire::new()?;
    let stream = Stream::udp(&wire.pair.a, &wire.pair.b, IpVersion::V4, FLOWS);
    let generator = wire.generator(&stream)?;
    let folder = tempfile::tempdir()?;
    let mut options = options(&wire.pair.b.name, folder.path());
    options.table_size = TABLE;
    options.late_ring = late_ring;
    let before = wire.arrived()?;
    let meter = Meter::start(&wire.right, options, pipeline(folder.path()))?;
    let mut sent = 0;
    for round in 1..=ROUNDS {
        // In parts: a burst of all flows would only show how large the ring is.
        for _ in 0..8 {
            sent += wire.send(&generator, FLOWS / 8, pace)?;
        }
        let status = balanced(&meter)?;
        ensure!(
            status.live_flows == u64::from(TABLE),
            "round {round}: {status:?}"
        );
    }
    let arrived = wire.arrived()?.since(&before);
    let (summary, records) = meter.stop()?;
    if arrived.lost() > 0 || arrived.rx_packets != sent {
        return Ok(None);
    }
    let books = &summary.books;
    let lost = books.reasons[Reason::OverflowLost as usize].packets;
    println!(
        "{sent} sent at {pace:?}; {} packets of a full table went to the agent, {lost} were lost",
        books.overflow.packets
    );
    assert_eq!(summary.balance.difference, 0, "{:?}", summary.balance);
    assert_eq!(books.seen_total().packets, sent);
    assert_eq!(books.reasons_total().packets, lost);
    assert_eq!(summary.written.packets + lost, sent);
    assert_eq!(records.iter().map(packets).sum::<u64>() + lost, sent);
    the_table_kept_its_flows(&records);
    the_rest_is_in_overflow_records(&records, lost);
    Ok(Some(lost))
}

/// A flow that was in the table stayed there, with each of its packets.
fn the_table_kept_its_flows(records: &[Record]) {
    let kept: Vec<_> = records
        .iter()
        .filter(|record| record.end != End::Overflow)
        .collect();
    let keys: HashSet<_> = kept.iter().map(|record| record.flow.key).collect();
    assert_eq!((kept.len(), keys.len()), (TABLE as usize, TABLE as usize));
    for record in kept {
        assert_eq!((packets(record), record.end), (ROUNDS, End::Shutdown));
    }
}

fn the_rest_is_in_overflow_records(records: &[Record], lost: u64) {
    let mut by_flow: HashMap<FlowKey, u64> = HashMap::new();
    for record in records.iter().filter(|record| record.end == End::Overflow) {
        *by_flow.entry(record.flow.key).or_default() += packets(record);
    }
    assert!(by_flow.values().all(|packets| *packets <= ROUNDS));
    let rest = u64::from(FLOWS - TABLE) * ROUNDS;
    assert_eq!(by_flow.values().sum::<u64>() + lost, rest);
    let ids: HashSet<_> = records
        .iter()
        .map(|record| (record.flow.entry.id, record.flow.entry.part))
        .collect();
    assert_eq!(ids.len(), records.len(), "a record twice");
}
