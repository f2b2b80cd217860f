//! Replay is the kernel's twin: every capture at hand gives the same records through the live
//! agent's programs and closing, with packet time as its clock, as through replay.

use std::{collections::BTreeMap, thread};

use anyhow::{Context, Result, ensure};
use collector::capture::{
    reader::FrameLink,
    replay::{ReplayConfig, Vantage},
};
use collector_common::{books::Books, packet::Link, settings::SECOND, wire};
use collector_tests::{
    captures::{self, Capture, Held},
    compared::{differences, facts},
    driven::Driven,
    kernel::Program,
    privileges::{root_or_skip, say},
    replayed::replay,
    scripted::{Rule, scripted},
};

/// What was compared, and what was not, by rule.
#[derive(Default)]
struct Tally {
    captures: usize,
    frames: usize,
    records: usize,
    late: u64,
    samples: u64,
    left_out: BTreeMap<&'static str, usize>,
    differing: Vec<String>,
}

/// Captures made here, and those beside the project.
fn at_hand() -> Result<Vec<Capture>> {
    let reused = scripted(Rule {
        flows: 1_000,
        span: 60 * SECOND,
        reuse: true,
    });
    let made = [reused, captures::mix()?];
    Ok(made.into_iter().chain(captures::all()?).collect())
}

/// Why a frame is not for `program` on a device with this link header.
fn left_out(program: Program, link: Link, held: &Held) -> Option<&'static str> {
    match (held.link, link) {
        (FrameLink::Ethernet, Link::Ethernet) | (FrameLink::Ip, Link::Ip) => {
            program.left_out(&held.bytes)
        }
        (FrameLink::NotIp, Link::Ip) => Some("not IP, says its link header"),
        (FrameLink::Unsupported, Link::Ip) => Some("a link header that is not read"),
        (_, Link::Ethernet) => Some("no Ethernet header"),
        (_, Link::Ip) => Some("an Ethernet header"),
    }
}

/// The same frames through both; every capture's differences are told before the test fails.
fn agree(program: Program, link: Link, captures: &[Capture]) -> Result<()> {
    let mut tally = Tally::default();
    let mut driven = Driven::start(program, link)?;
    for capture in captures {
        compare(&mut driven, (program, link), capture, &mut tally)
            .with_context(|| capture.name.clone())?;
    }
    driven.stop()?;
    say(&format!(
        "{program:?}, {link:?}: {} captures, {} frames ({} late), {} samples, {} records agreed; \
         left out: {:?}",
        tally.captures, tally.frames, tally.late, tally.samples, tally.records, tally.left_out
    ));
    ensure!(tally.differing.is_empty(), "{}", tally.differing.join("\n"));
    Ok(())
}

fn compare(
    driven: &mut Driven,
    (program, link): (Program, Link),
    capture: &Capture,
    tally: &mut Tally,
) -> Result<()> {
    let mut frames = Vec::new();
    for held in &capture.frames {
        match left_out(program, link, held) {
            Some(rule) => *tally.left_out.entry(rule).or_default() += 1,
            None => frames.push(held),
        }
    }
    if frames.is_empty() {
        return Ok(());
    }
    let config = ReplayConfig {
        vantage: Vantage::Hook(program.hook()),
        ..ReplayConfig::default()
    };
    let played = driven.play(&frames)?;
    let (counted, records) = replay(config, frames.iter().map(|held| held.cut()))?;
    ensure!(
        counted.difference() == 0,
        "the books of replay: {counted:?}"
    );
    let (live, replayed) = (facts(&played.records), facts(&records));
    let [only_live, only_replayed] = differences(&live, &replayed);
    if !only_live.is_empty() || !only_replayed.is_empty() {
        tally.differing.push(format!(
            "{}: only live: {only_live:?}\nonly in replay: {only_replayed:?}",
            capture.name
        ));
    }
    if told(&played.books) != told(&counted.books) {
        tally.differing.push(format!(
            "{}: {:?} live, {:?} in replay",
            capture.name, played.books, counted.books
        ));
    }
    tally.captures += 1;
    tally.frames += frames.len();
    tally.records += records.len();
    tally.late += played.books.late.packets;
    tally.samples += played.books.samples;
    Ok(())
}

/// The counters without the hook: replay knows none of a packet that it can't read.
fn told(books: &Books) -> Books {
    Books {
        seen: [books.seen_total(), wire::Tally::default()],
        ..*books
    }
}

#[test]
fn every_capture_gives_the_same_records_at_every_hook_as_in_replay() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let captures = at_hand()?;
    // Beside each other, since an agent that closes flows waits most of the time.
    thread::scope(|scope| {
        let variants = [
            (Program::Xdp, Link::Ethernet),
            (Program::TcIn, Link::Ethernet),
            (Program::TcOut, Link::Ethernet),
            (Program::TcIn, Link::Ip),
            (Program::TcOut, Link::Ip),
        ];
        let captures = &captures;
        let running =
            variants.map(|(program, link)| scope.spawn(move || agree(program, link, captures)));
        let outcomes = running.map(|thread| thread.join().expect("no thread panics"));
        outcomes.into_iter().collect()
    })
}
