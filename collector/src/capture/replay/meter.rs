//! The packet programs on the host: what `meter` of the kernel's side does with a packet, with
//! the same rules and a table in memory.

use std::borrow::Cow;

use collector_common::{
    books::{Books, Reason},
    event::SampleHeader,
    flow::{FlowEntry, NO_USER, Observation, Outcome, Owned},
    key::FlowKey,
    packet::protocol,
};

use super::table::{FlowTable, Handle};
use crate::exclusion::Exclusion;

/// A packet whose headers are read.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// Its flow.
    pub key: FlowKey,
    /// What the update rule looks at.
    pub observation: Observation,
    /// Bytes of its transport payload that are at hand, as far as a window can reach.
    pub payload: &'a [u8],
    /// How many there are.
    pub payload_len: u32,
    /// Its place among all packets: the id of the flow that it opens.
    pub number: u64,
    /// Where its flow may be.
    pub guess: Option<Handle>,
}

/// What the kernel writes to its rings.
pub trait Rings {
    /// A payload sample; false where no more of this flow is wanted.
    fn sample(&mut self, header: &SampleHeader, bytes: &[u8]) -> bool;
    /// A packet that can't be added to an entry: its flow is closing, or the table is full.
    fn late(&mut self, key: &FlowKey, observation: &Observation);
}

/// The flow table and the counters of one shard.
pub struct Meter {
    /// Flows under way.
    pub table: FlowTable,
    /// What became of the packets that came here; `seen` is counted by who reads them.
    pub books: Books,
    /// What is not metered.
    pub exclusions: Vec<Exclusion>,
    /// Payload is looked at.
    pub sampling: bool,
    /// TCP flags tell who opened a flow and when it ends.
    pub heeds_flags: bool,
}

impl Meter {
    /// The kernel's rules, nothing excluded.
    #[must_use]
    pub fn new(table: FlowTable) -> Self {
        Self {
            table,
            books: Books::default(),
            exclusions: Vec::new(),
            sampling: true,
            heeds_flags: true,
        }
    }

    /// Finds or opens the packet's flow, adds, samples.
    pub fn meter(&mut self, packet: &Seen<'_>, rings: &mut impl Rings) {
        match self.table.confirm(packet.guess, &packet.key) {
            Some(flow) => self.add(flow, packet, rings),
            None => self.open(packet, rings),
        }
    }

    /// A flow's first packet.
    pub fn open(&mut self, packet: &Seen<'_>, rings: &mut impl Rings) {
        let seen = &packet.observation;
        if self
            .exclusions
            .iter()
            .any(|rule| rule.excludes(&packet.key))
        {
            return self.books.refuse(Reason::Excluded, seen.wire);
        }
        let entry = FlowEntry::opened_by(&self.ruled(seen), packet.number, NO_USER);
        let Some(flow) = self.table.insert(&packet.key, entry) else {
            self.books.overflow.add(seen.wire);
            return rings.late(&packet.key, seen);
        };
        self.books.flows += 1;
        self.add(flow, packet, rings);
    }

    fn add(&mut self, flow: Handle, packet: &Seen<'_>, rings: &mut impl Rings) {
        let seen = &packet.observation;
        let ruled = self.ruled(seen);
        let entry = self.table.entry(flow);
        let ended = entry.ended;
        let outcome = entry.observe::<Owned>(&ruled);
        let sooner = entry.ended != ended;
        match outcome {
            Outcome::Counted => self.sample(flow, packet, rings),
            Outcome::Late => self.late(packet, rings),
            Outcome::OtherInterface => self.books.refuse(Reason::OtherInterface, seen.wire),
        }
        if sooner || outcome == Outcome::Late {
            self.table.schedule(flow);
        }
    }

    fn sample(&mut self, flow: Handle, packet: &Seen<'_>, rings: &mut impl Rings) {
        let seen = &packet.observation;
        let transport = seen.packet.protocol;
        if !self.sampling || !matches!(transport, protocol::TCP | protocol::UDP) {
            return;
        }
        let entry = self.table.entry(flow);
        let limit = entry.window_limit(seen.side);
        let window = &mut entry.directions[seen.side.index()].window;
        if let Some(piece) = window.admit(&seen.packet, packet.payload_len, limit) {
            let header = SampleHeader::of(entry, seen, packet.payload_len, piece);
            self.books.samples += 1;
            if self.table.is_undecided(flow) && !rings.sample(&header, packet.payload) {
                self.table.decide(flow);
            }
        }
    }

    /// The packet as the update rule is to see it.
    fn ruled<'a>(&self, seen: &'a Observation) -> Cow<'a, Observation> {
        let mut ruled = Cow::Borrowed(seen);
        if !self.heeds_flags {
            ruled.to_mut().packet.tcp_flags = 0;
        }
        ruled
    }

    fn late(&mut self, packet: &Seen<'_>, rings: &mut impl Rings) {
        self.books.late.add(packet.observation.wire);
        rings.late(&packet.key, &packet.observation);
    }
}
