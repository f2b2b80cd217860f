//! Captures made by rule, with what is true of them.

use std::{net::IpAddr, time::Duration};

use anyhow::Result;
use collector_common::packet::tcp;
use collector_tests::{
    frames::Path,
    trace::{
        Flood, HEADER_LEN, Kind, Limit, Mix, Outputs, Pcap, RECORD_HEADER_LEN, Resolution, Shares,
        Totals, Trace,
    },
};
use serde_json::Value;

/// The relay whose interface the generator captures.
pub(crate) const RELAY: [&str; 2] = ["203.0.113.9", "2001:db8:ffff::9"];

/// A capture in memory with its truth.
pub(crate) struct Made {
    pub(crate) capture: Vec<u8>,
    /// A line for each flow.
    pub(crate) truth: Vec<Value>,
    pub(crate) totals: Totals,
}

impl Made {
    pub(crate) fn of(trace: &Trace) -> Result<Self> {
        let (mut capture, mut truth) = (Vec::new(), Vec::new());
        let totals = trace.write(Outputs {
            capture: &mut capture,
            truth: Some(&mut truth),
            progress: &mut |_| {},
        })?;
        let lines = serde_json::Deserializer::from_slice(&truth).into_iter();
        let truth = lines.collect::<Result<_, _>>()?;
        Ok(Self {
            capture,
            truth,
            totals,
        })
    }

    /// Where each packet's header starts in the file.
    pub(crate) fn offsets(&self) -> Result<Vec<usize>> {
        let mut at = usize::try_from(HEADER_LEN)?;
        let mut offsets = Vec::new();
        while at < self.capture.len() {
            offsets.push(at);
            let length = u32::from_le_bytes(self.capture[at + 8..at + 12].try_into()?);
            at += usize::try_from(RECORD_HEADER_LEN)? + usize::try_from(length)?;
        }
        Ok(offsets)
    }

    /// Two captures that follow each other, of half the packets each.
    pub(crate) fn halves(&self) -> Result<[Vec<u8>; 2]> {
        let offsets = self.offsets()?;
        let (header, _) = self.capture.split_at(offsets[0]);
        let (first, second) = self.capture.split_at(offsets[offsets.len() / 2]);
        Ok([first.to_vec(), [header, second].concat()])
    }
}

/// What crosses an exit relay's interface.
pub(crate) fn mix(limit: Limit, seed: u64) -> Trace {
    Trace {
        kind: Kind::Mix(Mix {
            limit,
            concurrency: 100,
            shares: Shares::default(),
            ipv6: 20,
            mean_packets: 40.0,
        }),
        rate: 1000,
        resolution: Resolution::Nano,
        seed,
    }
}

/// A mix of a few hundred flows, all of them to their end.
pub(crate) fn small_mix() -> Result<Made> {
    Made::of(&mix(Limit::Flows(300), 7))
}

/// Half-open flows of one packet each.
pub(crate) fn flood(flows: u64) -> Result<Made> {
    Made::of(&Trace {
        kind: Kind::SynFlood(Flood { flows, bare: false }),
        rate: 100_000,
        resolution: Resolution::Micro,
        seed: 7,
    })
}

/// A capture of frames, each with its seconds behind a whole minute.
pub(crate) fn capture(frames: &[(f64, Vec<u8>)]) -> Result<Vec<u8>> {
    let start = Duration::from_secs(1_767_225_600);
    let mut bytes = Vec::new();
    let mut pcap = Pcap::create(&mut bytes, Resolution::Nano)?;
    for (seconds, frame) in frames {
        pcap.write(start + Duration::from_secs_f64(*seconds), frame)?;
    }
    pcap.finish()?;
    Ok(bytes)
}

/// A TCP connection from its SYN to its last acknowledgment, in a second: the opener says this, the
/// other side answers that.
pub(crate) fn connection(path: Path, at: f64, says: &[u8], answers: &[u8]) -> Vec<(f64, Vec<u8>)> {
    let back = path.reversed();
    let (next, next_back) = (1 + says.len() as u32, 1 + answers.len() as u32);
    let frames = [
        path.tcp(tcp::SYN, 0, &[]),
        back.tcp(tcp::SYN | tcp::ACK, 0, &[]),
        path.tcp(tcp::ACK, 1, says),
        back.tcp(tcp::ACK, 1, answers),
        path.tcp(tcp::FIN | tcp::ACK, next, &[]),
        back.tcp(tcp::FIN | tcp::ACK, next_back, &[]),
        path.tcp(tcp::ACK, next + 1, &[]),
    ];
    let times = (0..).map(|number| at + 0.1 * f64::from(number));
    times.zip(frames).collect()
}

/// Between two hosts that speak Ethernet.
pub(crate) fn path(addresses: (IpAddr, IpAddr), ports: (u16, u16)) -> Path {
    Path {
        macs: ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]),
        addresses,
        ports,
    }
}
