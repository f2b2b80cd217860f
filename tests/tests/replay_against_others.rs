//! Replay beside what others counted in the same captures: NFStream's flows, and the truth of a
//! Tor network of our own.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result, ensure};
use collector::{
    capture::replay::{ReplayConfig, Timing},
    settings::NFSTREAM_ACTIVE,
};
use collector_common::settings::Timeouts;
use collector_tests::{
    captures::{self, Held},
    outside::{Multiset, more_in, of_nfstream, of_records},
    privileges::say,
    replayed::replay,
    tornet,
};

/// One line for each kind of flow that only one side has, and why.
const DIFFERENCES: &str = "data/nfstream-differences.tsv";
/// Of NFStream's flows, those that replay must have with the same packets and bytes.
const EXACT: f64 = 0.998;

fn nfstream_timing() -> ReplayConfig {
    ReplayConfig {
        timing: Timing::NfStream,
        timeouts: Timeouts {
            active: NFSTREAM_ACTIVE,
            ..Timeouts::DEFAULT
        },
        ..ReplayConfig::default()
    }
}

/// What only one side has, in lines as the table begins.
fn lines(capture: &str, side: &str, only: &Multiset) -> Vec<String> {
    let lines = only.iter().map(|(told, count)| {
        let (transport, [low, high]) = (&told.transport, told.ports);
        let (packets, bytes) = (told.packets, told.bytes);
        format!("{capture}\t{side}\t{transport}\t{low}\t{high}\t{packets}\t{bytes}\t{count}")
    });
    lines.collect()
}

/// The table's lines without their last two columns: who is right, and why.
fn explained() -> Result<BTreeSet<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DIFFERENCES);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let explained = lines.map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        ensure!(columns.len() == 10, "not ten columns: {line}");
        let (right, why) = (columns[8], columns[9]);
        ensure!(["replay", "nfstream"].contains(&right), "{line}");
        ensure!(!why.is_empty(), "nothing explains {line}");
        Ok(columns[..8].join("\t"))
    });
    explained.collect()
}

#[test]
fn flows_are_those_of_nfstream_but_for_the_differences_that_the_table_explains() -> Result<()> {
    let Some(corpus) = captures::corpus() else {
        return Ok(());
    };
    let (mut found, mut flows, mut missed) = (BTreeSet::new(), 0, 0);
    for capture in captures::all()? {
        let theirs = corpus.join(format!("nfstream/{}.ndjson", capture.name));
        if !theirs.exists() {
            println!("{}: NFStream says nothing of it", capture.name);
            continue;
        }
        let frames = capture.frames.iter().map(Held::frame);
        let (_, records) = replay(nfstream_timing(), frames)?;
        let (ours, theirs) = (of_records(&records), of_nfstream(&theirs)?);
        let only_theirs = more_in(&theirs, &ours);
        flows += theirs.values().sum::<usize>();
        missed += only_theirs.values().sum::<usize>();
        found.extend(lines(&capture.name, "nfstream", &only_theirs));
        found.extend(lines(&capture.name, "replay", &more_in(&ours, &theirs)));
    }
    let exact = flows - missed;
    let share = exact as f64 / flows as f64;
    say(&format!(
        "NFStream: {exact} of {flows} flows have the same packets and bytes ({:.2} %)",
        share * 100.0
    ));
    let explained = explained()?;
    let new: Vec<_> = found.difference(&explained).collect();
    let gone: Vec<_> = explained.difference(&found).collect();
    assert!(new.is_empty(), "not in {DIFFERENCES}:\n{new:#?}");
    assert!(
        gone.is_empty(),
        "no longer so, in {DIFFERENCES}:\n{gone:#?}"
    );
    assert!(share >= EXACT, "{share}");
    Ok(())
}

#[test]
fn every_flow_of_the_tor_exit_is_found_with_its_packets_and_bytes_each_way() -> Result<()> {
    let Some(folder) = captures::tornet() else {
        return Ok(());
    };
    let capture = captures::read(&folder.join("exit.pcap"))?;
    let truth = tornet::truth(&folder.join("flows.tsv"))?;
    let mut truth: Vec<_> = truth.into_iter().map(|told| told.flow).collect();
    let frames = capture.frames.iter().map(Held::frame);
    let (_, records) = replay(ReplayConfig::default(), frames)?;
    let mut flows = tornet::flows(&records);
    println!("{} flows, {} in the truth", flows.len(), truth.len());
    truth.sort();
    flows.sort();
    assert_eq!(flows, truth);
    Ok(())
}
