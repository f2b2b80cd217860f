//! Flows closed, and cut, while packets arrive on them as fast as the wire carries.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use collector::{
    live::{self, Options, Summary},
    record::Record,
};
use collector_common::{books::Reason, expiry::End, key::FlowKey, packet::tcp, settings::SECOND};
use collector_tests::{
    generator::{Stream, unanswered},
    link::IpVersion,
    meter::{Meter, options, pipeline},
    wire::{Pace, Wire, wire_or_skip, without_drops},
};

const FLOWS: u32 = 1_000;
/// Closings, or cuts, that a run must reach.
const ENOUGH: u64 = 10_000;
/// Between two ticks.
const TICK: Duration = Duration::from_millis(50);
/// Ring of late packets: 600,000 of them.
const LATE_RING: u32 = 64 << 20;
/// Bursts of 50,000 packets that the sender is ahead of the agent at most. Were each packet late,
/// and one more burst under way, they would fill half of the ring.
const AHEAD: u32 = 5;
/// A run that closes too slowly ends here.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a run gave.
struct Run {
    /// Packets of each flow that reached the hook.
    rounds: u64,
    seconds: f64,
    summary: Summary,
    records: Vec<Record>,
}

fn packets(record: &Record) -> u64 {
    record.counts[0].packets + record.counts[1].packets
}

/// Ticks while `stream` is sent, until [`ENOUGH`] records are written. `None` when the wire lost
/// packets.
fn under_fire(wire: &Wire, stream: &Stream, change: Change, pace: Pace) -> Result<Option<Run>> {
    let generator = wire.generator(stream)?;
    let folder = tempfile::tempdir()?;
    let mut options = options(&wire.pair.b.name, folder.path());
    options.late_ring = LATE_RING;
    change(&mut options);
    let before = wire.arrived()?;
    let meter = Meter::start(&wire.right, options, pipeline(folder.path()))?;
    let lead = Arc::new(Lead::default());
    let start = Instant::now();
    let rounds = thread::scope(|scope| {
        let sender =
            scope.spawn(|| wire.rounds(&generator, stream.flows, pace, || lead.next_burst()));
        let ticked = tick_until_enough(&meter, &lead);
        lead.done.store(true, Ordering::Relaxed);
        let rounds = sender.join().expect("the sender lives");
        ticked.and(rounds)
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let arrived = wire.arrived()?.since(&before);
    let (summary, records) = meter.stop()?;
    let sent = rounds * u64::from(stream.flows);
    if arrived.lost() > 0 || arrived.rx_packets != sent {
        return Ok(None);
    }
    Ok(Some(Run {
        rounds,
        seconds,
        summary,
        records,
    }))
}

type Change = fn(&mut Options);

/// Keeps the sender from running away from an agent that ticks slowly: what the ring of late
/// packets loses then says how fast the machine is, and nothing of closing.
#[derive(Default)]
struct Lead {
    /// Bursts that may still go out before the next tick.
    bursts: AtomicU32,
    done: AtomicBool,
}

impl Lead {
    /// The ring has been emptied.
    fn renew(&self) {
        self.bursts.store(AHEAD, Ordering::Relaxed);
    }

    /// Waits until a burst may go out; false when none shall any more.
    fn next_burst(&self) -> bool {
        let take = |bursts: u32| bursts.checked_sub(1);
        let taken = || {
            let order = Ordering::Relaxed;
            self.bursts.fetch_update(order, order, take).is_ok()
        };
        while !self.done.load(Ordering::Relaxed) {
            if taken() {
                return true;
            }
            thread::sleep(Duration::from_millis(1));
        }
        false
    }
}

/// The sender may go on as a tick begins, so that packets come while flows are closed.
fn tick_until_enough(meter: &Meter, lead: &Arc<Lead>) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let lead = Arc::clone(lead);
        let written = meter.run(move |agent| {
            agent.drain();
            lead.renew();
            agent.tick(live::boot_time())?;
            Ok(agent.status()?.flows_written)
        })?;
        if written >= ENOUGH {
            return Ok(());
        }
        thread::sleep(TICK);
    }
    Ok(())
}

/// What holds of every run: nothing lost, nothing twice, every flow exact.
fn assert_exact(run: &Run, expected: End) {
    let Run {
        rounds,
        seconds,
        summary,
        records,
    } = run;
    let sent = rounds * u64::from(FLOWS);
    let of_kind = records.iter().filter(|record| record.end == expected);
    let count = of_kind.count() as u64;
    println!(
        "{sent} packets in {seconds:.1} s, {count} records {expected:?}, {} packets late",
        summary.books.late.packets
    );
    assert!(count >= ENOUGH, "only {count} records {expected:?}");
    assert_eq!(summary.books.reasons[Reason::LateLost as usize].packets, 0);
    assert_eq!(summary.books.reasons_total().packets, 0);
    assert_eq!(summary.balance.difference, 0, "{:?}", summary.balance);
    assert_eq!(summary.books.seen_total().packets, sent);
    assert_eq!(summary.written.packets, sent);
    let mut by_flow: HashMap<FlowKey, u64> = HashMap::new();
    for record in records {
        *by_flow.entry(record.flow.key).or_default() += packets(record);
    }
    assert_eq!(by_flow.len(), FLOWS as usize);
    assert!(by_flow.values().all(|packets| packets == rounds));
    let ids: HashSet<_> = records
        .iter()
        .map(|record| (record.flow.entry.id, record.flow.entry.part))
        .collect();
    assert_eq!(ids.len(), records.len(), "a record twice");
}

#[test]
fn ten_thousand_flows_close_under_fire_and_not_one_packet_is_lost() -> Result<()> {
    if !wire_or_skip() {
        return Ok(());
    }
    let run = without_drops(|pace| {
        let wire = Wire::new()?;
        // Each packet resets its flow, so each tick closes every flow, and each packet behind
        // opens it anew.
        let frame = unanswered(&wire.pair.a, &wire.pair.b, IpVersion::V4).tcp(tcp::RST, 1, &[]);
        let stream = Stream {
            frame,
            version: IpVersion::V4,
            flows: FLOWS,
        };
        under_fire(&wire, &stream, |options| options.timeouts.linger = 0, pace)
    })?;
    assert_exact(&run, End::Reset);
    assert!(
        run.summary.books.late.packets > 0,
        "no packet met a closing flow"
    );
    Ok(())
}

#[test]
fn the_parts_of_flows_that_are_cut_under_fire_add_up() -> Result<()> {
    if !wire_or_skip() {
        return Ok(());
    }
    let run = without_drops(|pace| {
        let wire = Wire::new()?;
        let stream = Stream::udp(&wire.pair.a, &wire.pair.b, IpVersion::V6, FLOWS);
        let often = |options: &mut Options| options.timeouts.active = SECOND / 20;
        under_fire(&wire, &stream, often, pace)
    })?;
    assert_exact(&run, End::Active);
    assert_eq!(run.summary.books.late.packets, 0, "a cut closes nothing");
    Ok(())
}
