//! Replay beside what others counted in the same captures: NFStream's flows, and the truth of a
//! Tor network of our own.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context, Result, ensure};
use collector::{
    capture::replay::{ReplayConfig, Timing},
    record::Record,
    settings::NFSTREAM_ACTIVE,
};
use collector_common::{key::Address, packet::protocol, settings::Timeouts};
use collector_tests::{
    captures::{self, Held},
    outside::{Multiset, more_in, of_nfstream, of_records},
    privileges::say,
    replayed::replay,
};
use zerocopy::IntoBytes;

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

/// A flow of the Tor network as its truth tells it.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct TorFlow {
    transport: String,
    /// Of the exit and of its peer.
    ports: [u16; 2],
    /// Packets and bytes that the exit sent and received.
    sent: (u64, u64),
    received: (u64, u64),
}

/// Bytes of an Ethernet header: the truth counts from the IP header on.
const ETHERNET: u64 = 14;

fn tor_truth(path: &Path) -> Result<Vec<TorFlow>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut lines = text
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>());
    let names = lines.next().context("no header")?;
    let column = |name: &str| {
        names
            .iter()
            .position(|known| *known == name)
            .context("column")
    };
    let wanted = [
        "exit_port",
        "peer_port",
        "pkts_out",
        "ipbytes_out",
        "pkts_in",
        "ipbytes_in",
    ];
    let wanted: Vec<usize> = wanted
        .iter()
        .map(|name| column(name))
        .collect::<Result<_>>()?;
    let transport = column("proto")?;
    let flows = lines.map(|line| {
        let numbers = wanted.iter().map(|index| Ok(line[*index].parse()?));
        let numbers: Vec<u64> = numbers.collect::<Result<_>>()?;
        let on_wire = |packets: u64, bytes: u64| (packets, bytes + packets * ETHERNET);
        Ok(TorFlow {
            transport: line[transport].to_owned(),
            ports: [numbers[0].try_into()?, numbers[1].try_into()?],
            sent: on_wire(numbers[2], numbers[3]),
            received: on_wire(numbers[4], numbers[5]),
        })
    });
    flows.collect()
}

/// The exit's own records, the parts of a flow added up.
fn tor_flows(records: &[Record]) -> Vec<TorFlow> {
    let mut flows: BTreeMap<(Vec<u8>, u64), TorFlow> = BTreeMap::new();
    for record in records {
        let (key, entry) = (&record.flow.key, &record.flow.entry);
        let Some(transport) = transport(key.protocol) else {
            continue;
        };
        let exit = usize::from(!is_exit(&key.address[0]));
        let ports = [key.port[exit], key.port[1 - exit]];
        let flow = flows
            .entry((key.as_bytes().to_vec(), entry.id))
            .or_insert_with(|| TorFlow {
                transport: transport.to_owned(),
                ports,
                sent: (0, 0),
                received: (0, 0),
            });
        let opener = entry.opener().index();
        let by_exit = usize::from(opener != exit);
        for (sum, counted) in [
            (&mut flow.sent, record.counts[by_exit]),
            (&mut flow.received, record.counts[1 - by_exit]),
        ] {
            *sum = (sum.0 + counted.packets, sum.1 + counted.bytes);
        }
    }
    flows.into_values().collect()
}

fn transport(number: u8) -> Option<&'static str> {
    match number {
        protocol::TCP => Some("tcp"),
        protocol::UDP => Some("udp"),
        _ => None,
    }
}

/// 203.0.113.9 and 2001:db8:e::9.
fn is_exit(address: &Address) -> bool {
    let octets = address.octets();
    octets[12..] == [203, 0, 113, 9]
        || octets[..6] == [0x20, 0x01, 0x0d, 0xb8, 0, 0x0e] && octets[15] == 9
}

#[test]
fn every_flow_of_the_tor_exit_is_found_with_its_packets_and_bytes_each_way() -> Result<()> {
    let Some(tornet) = captures::tornet() else {
        return Ok(());
    };
    let capture = captures::read(&tornet.join("exit.pcap"))?;
    let mut truth = tor_truth(&tornet.join("flows.tsv"))?;
    let frames = capture.frames.iter().map(Held::frame);
    let (_, records) = replay(ReplayConfig::default(), frames)?;
    let mut flows = tor_flows(&records);
    println!("{} flows, {} in the truth", flows.len(), truth.len());
    truth.sort();
    flows.sort();
    assert_eq!(flows, truth);
    Ok(())
}
