//! A capture sent over a wire into the live meter gives the records that replay gives.
//!
//! Time-outs are left out of the comparison: frames are sent as fast as the meter takes them, so
//! times are others, and a flow that TCP did not end may end by idling, as half-open, or because
//! the meter stops. Which packets make up a flow, what they counted and what they said is the same.

use std::{thread, time::Duration};

use anyhow::{Result, ensure};
use collector::{
    capture::replay::{ReplayConfig, Vantage},
    record::Record,
};
use collector_common::{books::Hook, settings::SECOND};
use collector_tests::{
    captures::{self, Capture, Held},
    compared::{Facts, differences, facts},
    link::VethPair,
    meter::{Meter, options, pipeline},
    netns::Namespace,
    privileges::root_or_skip,
    raw_socket::RawSocket,
    replayed::replay,
    scripted::{Rule, scripted},
};

/// Frames a second: no queue on the way drops one.
const PACE: u32 = 10_000;

/// Sends the frames over a wire without offloads; gives what the live meter wrote.
fn metered(frames: &[Held]) -> Result<Vec<Record>> {
    let (left, right) = (Namespace::new("left")?, Namespace::new("right")?);
    let pair = VethPair::between(&left, &right)?;
    let folder = tempfile::tempdir()?;
    let options = options(&pair.b.name, folder.path());
    let meter = Meter::start(&right, options, pipeline(folder.path()))?;
    let bytes: Vec<&[u8]> = frames.iter().map(|held| held.bytes.as_slice()).collect();
    let sent = RawSocket::bind(&left, &pair.a.name)?.send_paced(&bytes, PACE)?;
    thread::sleep(Duration::from_millis(200));
    let (summary, records) = meter.stop()?;
    let seen = summary.books.seen[Hook::Ingress as usize];
    ensure!(seen.packets == sent.packets, "{seen:?} of {sent:?} arrived");
    ensure!(summary.balance.difference == 0, "{:?}", summary.balance);
    Ok(records)
}

fn timeless(records: &[Record]) -> Vec<Facts> {
    let mut facts: Vec<Facts> = facts(records).into_iter().map(Facts::timeless).collect();
    facts.sort_by_key(Facts::place);
    facts
}

fn same_as_replayed(capture: &Capture) -> Result<()> {
    let Capture { name, frames } = capture;
    let config = ReplayConfig {
        vantage: Vantage::Hook(Hook::Ingress),
        ..ReplayConfig::default()
    };
    let (_, replayed) = replay(config, frames.iter().map(Held::frame))?;
    let live = metered(frames)?;
    let (live, replayed) = (timeless(&live), timeless(&replayed));
    let [only_live, only_replayed] = differences(&live, &replayed);
    println!("{name}: {} frames, {} records", frames.len(), live.len());
    assert!(
        only_live.is_empty() && only_replayed.is_empty(),
        "{name}: only live: {only_live:?}\nonly in replay: {only_replayed:?}"
    );
    Ok(())
}

#[test]
fn the_capture_of_a_tor_exit_gives_the_same_records_on_a_wire_and_in_replay() -> Result<()> {
    let Some(tornet) = captures::tornet() else {
        return Ok(());
    };
    if !root_or_skip() {
        return Ok(());
    }
    same_as_replayed(&captures::read(&tornet.join("exit.pcap"))?)
}

#[test]
fn captures_made_by_rule_give_the_same_records_on_a_wire_and_in_replay() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    same_as_replayed(&captures::mix()?)?;
    same_as_replayed(&scripted(Rule {
        flows: 3_000,
        span: 60 * SECOND,
        reuse: false,
    }))
}
