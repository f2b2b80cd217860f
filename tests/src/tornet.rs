//! The truth on a capture of a private Tor network, and its exit's records in the same terms.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use collector::record::Record;
use collector_common::{key::Address, packet::protocol};
use zerocopy::IntoBytes;

/// A flow of the Tor network as its truth tells it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TorFlow {
    /// `tcp` or `udp`.
    pub transport: String,
    /// Of the exit and of its peer.
    pub ports: [u16; 2],
    /// Packets and bytes that the exit sent.
    pub sent: (u64, u64),
    /// Packets and bytes that the exit received.
    pub received: (u64, u64),
}

/// A line of the truth.
#[derive(Clone, Debug)]
pub struct Told {
    /// The flow with its counts.
    pub flow: TorFlow,
    /// `exit`, `tor-or`, `tor-dir` or `dns`.
    pub class: String,
    /// What was spoken, in words; empty but for flows of class `exit`.
    pub spoken: String,
}

/// Bytes of an Ethernet header: the truth counts from the IP header on.
const ETHERNET: u64 = 14;

/// The lines of `flows.tsv`.
///
/// # Errors
/// It can't be read, or lacks a column.
pub fn truth(path: &Path) -> Result<Vec<Told>> {
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
    let [transport, class, spoken] = [column("proto")?, column("class")?, column("l7")?];
    let flows = lines.map(|line| {
        let numbers = wanted.iter().map(|index| Ok(line[*index].parse()?));
        let numbers: Vec<u64> = numbers.collect::<Result<_>>()?;
        let on_wire = |packets: u64, bytes: u64| (packets, bytes + packets * ETHERNET);
        Ok(Told {
            flow: TorFlow {
                transport: line[transport].to_owned(),
                ports: [numbers[0].try_into()?, numbers[1].try_into()?],
                sent: on_wire(numbers[2], numbers[3]),
                received: on_wire(numbers[4], numbers[5]),
            },
            class: line[class].to_owned(),
            spoken: line.get(spoken).copied().unwrap_or_default().to_owned(),
        })
    });
    flows.collect()
}

/// The exit's own records, the parts of a flow added up.
#[must_use]
pub fn flows(records: &[Record]) -> Vec<TorFlow> {
    let mut flows: BTreeMap<(Vec<u8>, u64), TorFlow> = BTreeMap::new();
    for record in records {
        let (key, entry) = (&record.flow.key, &record.flow.entry);
        let Some((transport, ports)) = ends(record) else {
            continue;
        };
        let exit = exit(record);
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

/// Transport and ports of a record as the truth has them: the exit's port first.
#[must_use]
pub fn ends(record: &Record) -> Option<(&'static str, [u16; 2])> {
    let key = &record.flow.key;
    let exit = exit(record);
    Some((
        transport(key.protocol)?,
        [key.port[exit], key.port[1 - exit]],
    ))
}

/// The exit's place in the key.
fn exit(record: &Record) -> usize {
    usize::from(!is_exit(&record.flow.key.address[0]))
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
