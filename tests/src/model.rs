//! What the kernel programs must come to, computed on the host from the same rules.

use std::collections::HashMap;

use collector_common::{
    books::{Books, Hook, Reason},
    flow::{FlowEntry, NO_USER, Observation, Outcome, Owned},
    key::FlowKey,
    packet::{Link, Packet, Refusal, parse, protocol},
    wire::Tally,
};

/// Interface number of the loopback device, on which the kernel runs single frames.
const LOOPBACK: u32 = 1;

/// The programs on the host: the same parser, key and rules, with maps of its own.
#[derive(Debug)]
pub struct Model {
    /// What stands before the IP header.
    pub link: Link,
    hook: Hook,
    /// The flow table; ids are 0.
    pub flows: HashMap<FlowKey, FlowEntry>,
    /// The counters, as far as frames alone move them.
    pub books: Books,
}

impl Model {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(link: Link, hook: Hook) -> Self {
        Self {
            link,
            hook,
            flows: HashMap::new(),
            books: Books::default(),
        }
    }

    /// Meters a frame at `now`, nanoseconds since boot; gives its flow's key.
    pub fn meter(&mut self, frame: &[u8], now: u64) -> Option<FlowKey> {
        let wire = Tally {
            packets: 1,
            bytes: frame.len() as u64,
        };
        let seen = &mut self.books.seen[self.hook as usize];
        *seen = seen.plus(wire);
        match parse(frame, self.link) {
            Ok(packet) => Some(self.add(&packet, wire, now)),
            Err(refusal) => {
                let reason = match refusal {
                    Refusal::Short => Reason::Malformed,
                    Refusal::Reason(reason) => reason,
                };
                let refused = &mut self.books.reasons[reason as usize];
                *refused = refused.plus(wire);
                None
            }
        }
    }

    fn add(&mut self, packet: &Packet, wire: Tally, now: u64) -> FlowKey {
        let (key, side) = FlowKey::of(packet);
        let seen = Observation {
            packet: *packet,
            side,
            wire,
            now,
            hook: self.hook,
            ifindex: LOOPBACK,
        };
        let entry = self
            .flows
            .entry(key)
            .or_insert_with(|| FlowEntry::opened_by(&seen, 0, NO_USER));
        match entry.observe::<Owned>(&seen) {
            Outcome::Counted => sample(entry, &seen, wire.bytes as u32),
            Outcome::Late => self.books.late = self.books.late.plus(wire),
            Outcome::OtherInterface => panic!("there is one interface"),
        }
        key
    }
}

fn sample(entry: &mut FlowEntry, seen: &Observation, frame: u32) {
    if matches!(seen.packet.protocol, protocol::TCP | protocol::UDP) {
        let limit = entry.window_limit(seen.side);
        let payload = seen.packet.payload_in(frame);
        let window = &mut entry.directions[seen.side.index()].window;
        let _ = window.admit(&seen.packet, payload, limit);
    }
}
