//! Kills while an agent starts, runs, closes files, takes over, or stops.

use std::{sync::atomic::AtomicU64, time::Duration};

use collector_common::schema::{Counters, Volume};
use nix::sys::signal::Signal;

use super::*;

/// Kills; a hundred with `COLLECTOR_FULL=1`.
const KILLS: u64 = 8;
const FULL_KILLS: u64 = 100;

/// When an agent is killed.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// So long after its process began.
    Start(Duration),
    /// So long after it answered.
    Run(Duration),
    /// So long after it was asked to stop. Its hooks are off then, so nothing is sent.
    Stop(Duration),
}

impl Phase {
    fn next(seed: &AtomicU64) -> Self {
        let milliseconds = |most: u64| Duration::from_millis(next(seed) % most);
        match next(seed) % 3 {
            0 => Self::Start(milliseconds(1500)),
            1 => Self::Run(milliseconds(1500)),
            _ => Self::Stop(milliseconds(150)),
        }
    }
}

struct Rounds<'a> {
    home: &'a Home,
    wire: &'a Wire,
    arguments: [&'a str; 12],
    switch: &'a Switch,
}

impl Rounds<'_> {
    fn kill(&self, phase: Phase) -> Result<()> {
        match phase {
            Phase::Start(span) => {
                let running = self.home.spawn(&self.wire.right, &self.arguments)?;
                thread::sleep(span);
                running.kill()?;
            }
            Phase::Run(span) => {
                let running = self.home.start(&self.wire.right, &self.arguments)?;
                thread::sleep(span);
                running.kill()?;
            }
            Phase::Stop(span) => {
                let running = self.home.start(&self.wire.right, &self.arguments)?;
                self.pause()?;
                running.signal(Signal::SIGTERM)?;
                thread::sleep(span);
                // It may be done.
                drop(running);
                drop(self.home.start(&self.wire.right, &self.arguments)?);
                self.switch.paused.store(false, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Until the wire is quiet.
    fn pause(&self) -> Result<()> {
        self.switch.paused.store(true, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(200));
        self.wire.arrived().map(drop)
    }
}

/// `None` when the wire lost packets.
fn killed_at_any_time(way: &str, pace: Pace) -> Result<Option<()>> {
    let wire = Wire::new()?;
    let home = Home::new()?;
    let traffic = Traffic::new(&wire)?;
    let switch = Switch::default();
    let before = wire.arrived()?;
    let interface = wire.pair.b.name.clone();
    let rounds = Rounds {
        home: &home,
        wire: &wire,
        arguments: [
            "--tc",
            way,
            "--iface",
            &interface,
            "--table-size",
            TABLE,
            "--rotate-after",
            "1",
            "--idle-timeout",
            "3",
            "--active-timeout",
            "2",
        ],
        switch: &switch,
    };
    drop(home.start(&wire.right, &rounds.arguments)?);
    let pause = Duration::from_millis(if pace == Pace::Full { 5 } else { 50 });
    let sent = thread::scope(|scope| {
        let sender = scope.spawn(|| traffic.flow(&wire, pause, &switch));
        let killed = kill_at_random(&rounds);
        switch.done.store(true, Ordering::Relaxed);
        let sent = sender.join().expect("the sender lives");
        killed.and(sent)
    })?;
    let arrived = wire.arrived()?.since(&before);
    if arrived.lost() > 0 || arrived.rx_packets != sent {
        return Ok(None);
    }
    let (end, log) = home.start(&wire.right, &rounds.arguments)?.terminate()?;
    ensure!(end.success(), "{log}");
    account(&home, sent)?;
    Ok(Some(()))
}

fn kill_at_random(rounds: &Rounds<'_>) -> Result<()> {
    let full = std::env::var("COLLECTOR_FULL").is_ok_and(|value| value == "1");
    let kills = if full { FULL_KILLS } else { KILLS };
    let seed = AtomicU64::new(11);
    for kill in 0..kills {
        let storm = next(&seed).is_multiple_of(4);
        rounds.switch.storm.store(storm, Ordering::Relaxed);
        let phase = Phase::next(&seed);
        println!("kill {kill}: {phase:?}, storm {storm}");
        rounds.kill(phase).with_context(|| format!("kill {kill}"))?;
    }
    Ok(())
}

/// Of all closed files, which the `zstd` tool can read: every packet is in a record once, was lost in
/// a crash, or has a reason. A record told twice would be one too many.
fn account(home: &Home, sent: u64) -> Result<()> {
    assert!(home.spools().is_empty() && home.pinned().is_empty());
    let told = counters_in_files(home)?;
    let of = |volumes: &[Volume]| volumes.iter().map(|volume| volume.packets).sum::<u64>();
    let unmetered = of(&[
        told.not_ip,
        told.malformed,
        told.later_fragment,
        told.excluded,
        told.other_interface,
        told.overflow_lost,
        told.late_lost,
    ]);
    let (recorded, lost) = (packets_in_files(home)?, told.lost_in_crash.packets);
    println!(
        "{sent} sent, {recorded} in records, {unmetered} under a reason, {lost} lost in crashes"
    );
    assert_eq!(told.seen.packets, sent);
    assert_eq!(recorded + unmetered + lost, sent);
    Ok(())
}

fn counters_in_files(home: &Home) -> Result<Counters> {
    let mut sum = Counters::default();
    for file in home.files() {
        for line in zstd::decode_all(File::open(&file)?)?.lines() {
            if let Line::Counters(line) = serde_json::from_str(&line?)? {
                sum = plus(&sum, &line.counters);
            }
        }
    }
    Ok(sum)
}

/// Of what is asked for here.
fn plus(one: &Counters, other: &Counters) -> Counters {
    let volume = |field: fn(&Counters) -> Volume| Volume {
        packets: field(one).packets + field(other).packets,
        bytes: field(one).bytes + field(other).bytes,
    };
    Counters {
        seen: volume(|counters| counters.seen),
        not_ip: volume(|counters| counters.not_ip),
        malformed: volume(|counters| counters.malformed),
        later_fragment: volume(|counters| counters.later_fragment),
        excluded: volume(|counters| counters.excluded),
        other_interface: volume(|counters| counters.other_interface),
        overflow_lost: volume(|counters| counters.overflow_lost),
        late_lost: volume(|counters| counters.late_lost),
        lost_in_crash: volume(|counters| counters.lost_in_crash),
        ..Counters::default()
    }
}

#[test]
fn agents_killed_at_any_time_lose_no_more_than_they_say_on_tcx() -> Result<()> {
    if !wire_or_skip() {
        return Ok(());
    }
    without_drops(|pace| killed_at_any_time("tcx", pace))
}

#[test]
fn agents_killed_at_any_time_lose_no_more_than_they_say_on_clsact() -> Result<()> {
    if !wire_or_skip() {
        return Ok(());
    }
    without_drops(|pace| killed_at_any_time("clsact", pace))
}
