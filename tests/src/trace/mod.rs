//! Large captures made by rule: the same options give the same bytes.
//!
//! `cargo xtask gen-trace` writes them for benchmarks and long runs, and tests make small ones in
//! memory. Every packet reaches the capture in order and nothing is lost or sent again, so the
//! truth beside a capture is simple: a line for each flow, with what its frames add up to.

mod conversation;
mod dice;
mod endpoints;
mod flood;
mod flow;
mod mix;
mod pcap;
mod protocols;
mod share;
mod template;
mod truth;
mod wire;

use std::io::{self, Write};

pub use self::{
    endpoints::{RELAY, RELAY_MAC},
    flood::Flood,
    mix::{Limit, Mix},
    pcap::{HEADER_LEN, Pcap, RECORD_HEADER_LEN, Resolution},
    protocols::{names as protocol_names, quic_opening},
    share::{Shares, UnknownProtocol},
    truth::Totals,
};
use self::{truth::Truth, wire::Wire};

/// What to make.
#[derive(Clone, Debug)]
pub enum Kind {
    /// What crosses the interface of an exit relay.
    Mix(Mix),
    /// Half-open flows only.
    SynFlood(Flood),
}

/// A capture to make.
#[derive(Clone, Debug)]
pub struct Trace {
    /// What to make.
    pub kind: Kind,
    /// Packets per second of packet time, at least 1.
    pub rate: u64,
    /// Of packet time, in the file.
    pub resolution: Resolution,
    /// The same seed gives the same bytes.
    pub seed: u64,
}

/// Where a trace goes.
pub struct Outputs<'a> {
    /// The capture.
    pub capture: &'a mut dyn Write,
    /// A line for each flow, when wanted.
    pub truth: Option<&'a mut dyn Write>,
    /// Told now and then how far the capture has come.
    pub progress: &'a mut dyn FnMut(&Totals),
}

impl Trace {
    /// Writes the whole capture.
    ///
    /// # Errors
    /// An output can't be written.
    pub fn write(&self, outputs: Outputs<'_>) -> io::Result<Totals> {
        let mut wire = Wire::open(self, outputs.capture, outputs.progress)?;
        let mut truth = Truth::new(outputs.truth);
        match &self.kind {
            Kind::Mix(mix) => mix.run(self.seed, &mut wire, &mut truth)?,
            Kind::SynFlood(flood) => flood.run(self.seed, &mut wire, &mut truth)?,
        }
        truth.finish()?;
        wire.finish()
    }
}

#[cfg(test)]
mod tests;
