//! What the kernel programs must come to: replay's meter, fed with single frames.

use std::mem;

use collector::capture::replay::{FlowTable, Meter, Rings, Seen};
use collector_common::{
    books::{Books, Hook},
    event::SampleHeader,
    flow::{FlowEntry, Observation},
    key::FlowKey,
    packet::{Link, parse},
    settings::Timeouts,
    wire::Tally,
};

/// Interface number of the loopback device, on which the kernel runs single frames.
const LOOPBACK: u32 = 1;

/// A payload sample without its flow's id: header and the bytes that were taken. No `Debug`.
pub type Sample = (SampleHeader, Vec<u8>);

/// The programs on the host: the same parser, key and rules, with a table in memory.
pub struct Model {
    /// What stands before the IP header.
    pub link: Link,
    hook: Hook,
    meter: Meter,
    samples: Samples,
}

impl Model {
    /// Nothing seen yet; room for `table` flows.
    #[must_use]
    pub fn new(link: Link, hook: Hook, table: u32) -> Self {
        let table = FlowTable::new(table as usize, Timeouts::DEFAULT, 0);
        Self {
            link,
            hook,
            meter: Meter::new(table),
            samples: Samples::default(),
        }
    }

    /// Meters a frame at `now`, nanoseconds since boot; gives its flow's key.
    pub fn meter(&mut self, frame: &[u8], now: u64) -> Option<FlowKey> {
        let wire = Tally {
            packets: 1,
            bytes: frame.len() as u64,
        };
        let books = &mut self.meter.books;
        books.see(self.hook, wire);
        let packet = match parse(frame, self.link) {
            Ok(packet) => packet,
            Err(refusal) => {
                books.refuse(refusal.reason(), wire);
                return None;
            }
        };
        let (key, side) = FlowKey::of(&packet);
        let payload = packet.payload_of(frame);
        let seen = Seen {
            key,
            observation: Observation {
                packet,
                side,
                wire,
                now,
                hook: self.hook,
                ifindex: LOOPBACK,
            },
            payload,
            payload_len: payload.len() as u32,
            number: 0,
            guess: None,
        };
        self.meter.meter(&seen, &mut self.samples);
        Some(key)
    }

    /// A flow's entry; its id is 0.
    #[must_use]
    pub fn entry(&self, key: &FlowKey) -> Option<FlowEntry> {
        let table = &self.meter.table;
        table.find(key).map(|flow| table.flow(flow).entry)
    }

    /// How many flows there are.
    #[must_use]
    pub fn flows(&self) -> usize {
        self.meter.table.len()
    }

    /// The counters, as far as frames alone move them.
    #[must_use]
    pub fn books(&self) -> &Books {
        &self.meter.books
    }

    /// Samples since the last call.
    pub fn samples(&mut self) -> Vec<Sample> {
        mem::take(&mut self.samples.0)
    }
}

/// The ring of samples. Late packets are counted in the books.
#[derive(Default)]
struct Samples(Vec<Sample>);

impl Rings for Samples {
    fn sample(&mut self, header: &SampleHeader, bytes: &[u8]) -> bool {
        self.0
            .push((*header, bytes[..header.taken as usize].to_vec()));
        true
    }

    fn late(&mut self, _: &FlowKey, _: &Observation) {}
}
