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
/// Packets of a full table that are taken between two settlings; what comes beyond waits in its ring
/// and is counted as lost where that is full. So a flood of flows costs the agent no more than this.
const OVERFLOW: usize = 1 << 16;

/// Seeds of flows, by key and interface.
pub struct Seeds {
    capacity: usize,
    /// Ids are the order in which they came.
    flows: HashMap<(FlowKey, u32), FlowEntry>,
    met: u64,
    /// Flows that ended while they were seeds.
    finished: Vec<Flow>,
    /// Overflow packets that may come until the next settling.
    overflow: usize,
    /// What that is set to.
    bound: usize,
    /// Of late and of overflow packets, what earlier agents read.
    before: [Before; 2],
}

/// By CPU: packets that were sent to a ring before the first that this agent read.
type Before = HashMap<u32, Tally>;

/// A ring of packets.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Of closing flows.
    Late,
    /// That found the table full.
    Overflow,
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
            overflow: OVERFLOW,
            bound: OVERFLOW,
            before: Default::default(),
        }
    }

    /// Whether more packets may come.
    pub(crate) fn has_room(&self) -> bool {
        self.flows.len() + self.finished.len() < self.capacity
    }

    /// How many overflow packets may come.
    pub(crate) fn room_for_overflow(&self) -> usize {
        if self.has_room() { self.overflow } else { 0 }
    }

    /// From now on, as many overflow packets may come as there is room for: nothing else is to be
    /// done. True again: a bound holds.
    pub(crate) fn bound_overflow(&mut self, bounded: bool) {
        self.bound = if bounded { OVERFLOW } else { self.capacity };
        self.overflow = self.bound;
    }

    /// Nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.flows.is_empty() && self.finished.is_empty()
    }

    /// Adds one packet that the kernel handed over.
    pub(crate) fn add(&mut self, late: &Late, kind: Kind) {
        let before = late.sent.since(late.wire);
        self.before[kind as usize].entry(late.cpu).or_insert(before);
        let one = usize::from(matches!(kind, Kind::Overflow));
        self.overflow = self.overflow.saturating_sub(one);
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
        self.overflow = self.bound;
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

    /// What earlier agents read of what `cpu` sent to a ring: everything before the first record
    /// that this one read, or all that was `sent` where it has read none.
    pub(crate) fn read_before(&self, kind: Kind, cpu: u32, sent: Tally) -> Tally {
        let before = self.before[kind as usize].get(&cpu);
        before.copied().unwrap_or(sent)
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
        seeds.add(&late(tcp::ACK, 1), Kind::Late);
        seeds.add(&late(tcp::ACK, 2), Kind::Late);
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
            seeds.add(&late(flags, 1), Kind::Late);
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
            seeds.add(&packet, Kind::Late);
        }
        assert!(!seeds.has_room());
        assert_eq!(seeds.take().0.len(), CAPACITY);
        assert!(seeds.has_room());
    }

    #[test]
    fn a_closing_flow_takes_its_stragglers_but_not_the_next_flows_syn() {
        let mut seeds = Seeds::default();
        seeds.add(&late(tcp::ACK, 1), Kind::Late);
        let flow = Flow {
            key: late(0, 0).key,
            entry: FlowEntry::default(),
        };
        assert_eq!(seeds.take_rest_of(&flow).unwrap().total().packets, 1);
        seeds.add(&late(tcp::SYN, 2), Kind::Late);
        assert!(seeds.take_rest_of(&flow).is_none());
    }

    #[test]
    fn what_earlier_agents_read_is_what_came_before_the_first_record() {
        let mut seeds = Seeds::default();
        let sent = Tally {
            packets: 9,
            bytes: 540,
        };
        assert_eq!(seeds.read_before(Kind::Late, 0, sent), sent);
        seeds.add(&late(tcp::ACK, 7), Kind::Late);
        seeds.add(&late(tcp::ACK, 8), Kind::Late);
        assert_eq!(
            seeds.read_before(Kind::Late, 0, sent),
            Tally {
                packets: 6,
                bytes: 360
            }
        );
    }

    #[test]
    fn a_flood_beyond_the_table_is_taken_up_to_a_bound_and_leaves_room_for_late_packets() {
        let mut seeds = Seeds::default();
        let mut packet = late(tcp::SYN, 1);
        for number in 0..OVERFLOW {
            assert!(seeds.room_for_overflow() > 0);
            packet.key.port = [number as u16, (number >> 16) as u16];
            seeds.add(&packet, Kind::Overflow);
        }
        assert_eq!(seeds.room_for_overflow(), 0);
        assert!(seeds.has_room());
        seeds.take();
        assert_eq!(seeds.room_for_overflow(), OVERFLOW);
    }

    #[test]
    fn late_and_overflow_packets_are_held_to_account_apart() {
        let mut seeds = Seeds::default();
        seeds.add(&late(tcp::ACK, 7), Kind::Late);
        seeds.add(&late(tcp::ACK, 3), Kind::Overflow);
        let read = |kind| seeds.read_before(kind, 0, Tally::default()).packets;
        assert_eq!((read(Kind::Late), read(Kind::Overflow)), (6, 2));
    }
}
