//! Captures made by rule, with what is true of them.

use anyhow::Result;
use collector_tests::trace::{
    Flood, HEADER_LEN, Kind, Limit, Mix, Outputs, RECORD_HEADER_LEN, Resolution, Shares, Totals,
    Trace,
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
