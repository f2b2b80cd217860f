//! Many flows at a time, as an exit relay has them.

use std::io;

use super::{
    dice::Dice,
    endpoints::Endpoints,
    flow::Flow,
    pcap::{HEADER_LEN, RECORD_HEADER_LEN},
    share::Shares,
    truth::Truth,
    wire::Wire,
};

/// Most bytes of bulk in a segment, for sizes told in packets.
const SEGMENT: f64 = 1400.0;
/// The longest flow, packets of bulk: one must not take the whole capture.
const LONGEST: f64 = 200_000.0;
/// Packets of a flow besides its bulk and what acknowledges it, on average: handshakes of TCP and
/// the protocol, requests, closing.
const OVERHEAD: f64 = 16.0;
/// Packets of a segment of bulk: itself and half an acknowledgment.
const PER_SEGMENT: f64 = 1.5;

/// Where a mix ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// After this many flows, all of them to their end.
    Flows(u64),
    /// After this many packets (or one more: pairs of segments stay together), in the middle of
    /// flows, as a capture ends.
    Packets(u64),
    /// After this many bytes of file, likewise.
    Bytes(u64),
}

/// An exit-like mix.
#[derive(Clone, Debug)]
pub struct Mix {
    /// Where it ends.
    pub limit: Limit,
    /// Flows at a time, at least 1.
    pub concurrency: usize,
    /// Of each protocol, by flows.
    pub shares: Shares,
    /// Flows over IPv6, per cent.
    pub ipv6: u8,
    /// Packets of a flow that carries bulk, roughly, on average. Most have fewer, few have most.
    pub mean_packets: f64,
}

impl Mix {
    /// No flow waits longer for its next packet, seconds of packet time: two rounds of all flows,
    /// each with a train of two packets.
    #[must_use]
    pub fn longest_wait(&self, rate: u64) -> f64 {
        4.0 * self.concurrency as f64 / rate.max(1) as f64
    }

    pub(super) fn run(
        &self,
        seed: u64,
        wire: &mut Wire<'_>,
        truth: &mut Truth<'_>,
    ) -> io::Result<()> {
        let mut dice = Dice::new(seed);
        let mut endpoints = Endpoints::new(&mut dice);
        let mut flows: Vec<Box<Flow>> = Vec::new();
        let mut opened = 0;
        let mut at = 0;
        while !self.is_full(wire) {
            let may_open = !matches!(self.limit, Limit::Flows(most) if opened >= most);
            // Not all at once: flows in lockstep would all shake hands, then all talk.
            if may_open && flows.len() < self.concurrency && (at == 0 || dice.percent(25)) {
                flows.push(self.open(&mut dice, &mut endpoints));
                opened += 1;
            }
            if flows.is_empty() {
                break;
            }
            // Each round visits every flow once, in an order that is shuffled as it goes.
            let chosen = at + dice.below(flows.len() - at);
            flows.swap(at, chosen);
            flows[at].step(wire)?;
            if flows[at].has_ended() {
                truth.write(&flows.swap_remove(at).found())?;
            } else {
                at += 1;
            }
            if at >= flows.len() {
                at = 0;
            }
        }
        let cut = flows.iter().map(|flow| flow.found());
        cut.filter(|found| found.packets > 0)
            .try_for_each(|found| truth.write(&found))
    }

    fn open(&self, dice: &mut Dice, endpoints: &mut Endpoints) -> Box<Flow> {
        let bulk = (self.mean_packets - OVERHEAD).max(1.0) / PER_SEGMENT;
        let segments = dice.heavy_tail(bulk).min(LONGEST);
        // In range: LONGEST times SEGMENT is below 2^32.
        let bytes = 1 + (segments * SEGMENT) as u32;
        let protocol = self.shares.pick(dice);
        let conversation = (protocol.talk)(dice, bytes);
        let far = endpoints.next();
        let v6 = dice.percent(self.ipv6);
        let path = if conversation.inbound {
            far.inbound(v6, conversation.port)
        } else {
            far.outbound(v6, conversation.port)
        };
        Box::new(Flow::new(path, conversation, dice))
    }

    fn is_full(&self, wire: &Wire<'_>) -> bool {
        let totals = wire.totals();
        match self.limit {
            Limit::Flows(_) => false,
            Limit::Packets(most) => totals.packets >= most,
            Limit::Bytes(most) => {
                HEADER_LEN + totals.packets * RECORD_HEADER_LEN + totals.bytes >= most
            }
        }
    }
}
