//! Late and overflow packets on their way back into the table: one seed per flow, kept for
//! half a second (to the next tick, where a seed meets its flow's closing), so that a crash loses
//! little of them.

use collector_common::{
    event::Late,
    flow::{Flow, FlowEntry, Observation, OpenerBasis, Outcome, Owned},
    key::FlowKey,
    wire::Tally,
};
use hashbrown::HashMap;

/// Flows held between two ticks. Past it packets wait in the ring, and where that is full they
/// are counted as lost: a flood takes no more memory than this.
const CAPACITY: usize = 1 << 18;

/// Seeds of flows, by key and interface.
pub struct Seeds {
    capacity: usize,
    /// Ids are the order in which they came.
    flows: HashMap<(FlowKey, u32), FlowEntry>,
    met: u64,
    /// Flows that ended while they were seeds.
    finished: Vec<Flow>,
    /// By CPU: late packets sent before the first record that this agent read, or since.
    sent: HashMap<u32, SentByCpu>,
}

#[derive(Clone, Copy)]
struct SentByCpu {
    before_first: Tally,
}

impl Default for Seeds {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl Seeds {
    /// Room for so many flows.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            capacity,
            flows: HashMap::new(),
            met: 0,
            finished: Vec::new(),
            sent: HashMap::new(),
        }
    }

    /// Whether more packets may come.
    pub(crate) fn has_room(&self) -> bool {
        self.flows.len() + self.finished.len() < self.capacity
    }

    /// Nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.flows.is_empty() && self.finished.is_empty()
    }

    /// Adds one packet that the kernel handed over.
    pub(crate) fn add(&mut self, late: &Late) {
        self.sent.entry(late.cpu).or_insert(SentByCpu {
            before_first: late.sent.since(late.wire),
        });
        self.add_seen(&late.key, &late.observation(), late.user);
    }

    /// Adds one packet of the flow `key`.
    pub(crate) fn add_seen(&mut self, key: &FlowKey, seen: &Observation, user: u32) {
        self.met += 1;
        let fresh = || FlowEntry::opened_by(seen, self.met, user);
        let place = (*key, seen.ifindex);
        let entry = self.flows.entry(place).or_insert_with(fresh);
        if entry.observe::<Owned>(seen) == Outcome::Late {
            // A new SYN behind the end: the next flow of the same key.
            let ended = std::mem::replace(entry, fresh());
            self.finished.push(Flow {
                key: *key,
                entry: ended,
            });
            entry.observe::<Owned>(seen);
        }
    }

    /// The seed of a flow that is being closed, when it belongs to it: one that begins with a
    /// SYN is the next flow's.
    pub(crate) fn take_rest_of(&mut self, flow: &Flow) -> Option<FlowEntry> {
        let place = (flow.key, flow.entry.ifindex);
        let opens = |seed: &FlowEntry| seed.basis == OpenerBasis::Syn as u8;
        if self.flows.get(&place).is_none_or(opens) {
            return None;
        }
        let rest = self.flows.remove(&place);
        if self.flows.is_empty() {
            // Emptied, the table would keep keys in memory; see `take`.
            self.flows = HashMap::new();
        }
        rest
    }

    /// Everything that waits, in the order in which it came: what goes back into the table, and
    /// what is to be written as it is.
    pub(crate) fn take(&mut self) -> (Vec<Flow>, Vec<Flow>) {
        // The table goes with them: emptied, it would keep their keys in memory.
        let next = HashMap::with_capacity(self.flows.len());
        let mut open: Vec<_> = std::mem::replace(&mut self.flows, next)
            .into_iter()
            .map(|((key, _), entry)| Flow { key, entry })
            .collect();
        open.sort_unstable_by_key(|flow| flow.entry.id);
        (open, std::mem::take(&mut self.finished))
    }

    /// Takes a seed back until the next tick.
    pub(crate) fn keep(&mut self, flow: &Flow) {
        let place = (flow.key, flow.entry.ifindex);
        self.flows.insert(place, flow.entry);
    }

    /// What earlier agents read from the ring of `cpu`: everything before the first record that
    /// this one read, or `sent` where it has read none.
    pub(crate) fn read_before(&self, cpu: u32, sent: Tally) -> Tally {
        self.sent.get(&cpu).map_or(sent, |seen| seen.before_first)
    }
}

#[cfg(test)]
mod tests {
    use collector_common::packet::{protocol, tcp};

    use super::*;

    fn late(flags: u8, sent: u64) -> Late {
        let key = FlowKey {
            protocol: protocol::TCP,
            version: 4,
            ..FlowKey::default()
        };
        let wire = Tally {
            packets: 1,
            bytes: 60,
        };
        let sent = Tally {
            packets: sent,
            bytes: sent * 60,
        };
        Late {
            key,
            wire,
            sent,
            tcp_flags: flags,
            now: 5,
            ..Late::default()
        }
    }

    #[test]
    fn packets_of_one_flow_make_one_seed() {
        let mut seeds = Seeds::default();
        seeds.add(&late(tcp::ACK, 1));
        seeds.add(&late(tcp::ACK, 2));
        let (open, finished) = seeds.take();
        assert_eq!((open.len(), finished.len()), (1, 0));
        assert_eq!(
            open[0].entry.total(),
            Tally {
                packets: 2,
                bytes: 120
            }
        );
    }

    #[test]
    fn a_syn_behind_an_end_starts_another_seed() {
        let mut seeds = Seeds::default();
        for flags in [tcp::ACK, tcp::RST, tcp::SYN, tcp::ACK] {
            seeds.add(&late(flags, 1));
        }
        let (open, finished) = seeds.take();
        assert_eq!(finished[0].entry.total().packets, 2);
        assert_eq!(open[0].entry.total().packets, 2);
    }

    #[test]
    fn a_flood_of_flows_fills_the_room_and_a_tick_empties_it() {
        let mut seeds = Seeds::default();
        let mut packet = late(tcp::SYN, 1);
        for number in 0..CAPACITY {
            assert!(seeds.has_room());
            packet.key.port = [number as u16, (number >> 16) as u16];
            seeds.add(&packet);
        }
        assert!(!seeds.has_room());
        assert_eq!(seeds.take().0.len(), CAPACITY);
        assert!(seeds.has_room());
    }

    #[test]
    fn a_closing_flow_takes_its_stragglers_but_not_the_next_flows_syn() {
        let mut seeds = Seeds::default();
        seeds.add(&late(tcp::ACK, 1));
        let flow = Flow {
            key: late(0, 0).key,
            entry: FlowEntry::default(),
        };
        assert_eq!(seeds.take_rest_of(&flow).unwrap().total().packets, 1);
        seeds.add(&late(tcp::SYN, 2));
        assert!(seeds.take_rest_of(&flow).is_none());
    }

    #[test]
    fn what_earlier_agents_read_is_what_came_before_the_first_record() {
        let mut seeds = Seeds::default();
        let sent = Tally {
            packets: 9,
            bytes: 540,
        };
        assert_eq!(seeds.read_before(0, sent), sent);
        seeds.add(&late(tcp::ACK, 7));
        seeds.add(&late(tcp::ACK, 8));
        assert_eq!(
            seeds.read_before(0, sent),
            Tally {
                packets: 6,
                bytes: 360
            }
        );
    }
}
