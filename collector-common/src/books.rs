//! The books: every packet that a hook saw is in a flow or under exactly one reason.

#[cfg(feature = "std")]
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::wire::Tally;

/// Where a packet was seen.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Hook {
    /// Towards the host (XDP or TC ingress).
    #[default]
    Ingress = 0,
    /// From the host (TC egress).
    Egress = 1,
    /// None: a capture does not tell which end is the host.
    Capture = 2,
}

impl Hook {
    /// Those of a live meter, in the order of their numbers.
    pub const ALL: [Hook; 2] = [Hook::Ingress, Hook::Egress];

    /// Name in counters and records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Hook::Ingress => "ingress",
            Hook::Egress => "egress",
            Hook::Capture => "capture",
        }
    }
}

/// Why a packet is in no flow. The reasons partition what is seen and not metered.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// Not IPv4 or IPv6 (ARP, LLDP, MPLS, PPPoE, …).
    NotIp = 0,
    /// Header cut, contradictory, or nested beyond the bound.
    Malformed = 1,
    /// A fragment behind the first: its ports are in the first.
    LaterFragment = 2,
    /// Excluded by the operator, by prefix and port.
    Excluded = 3,
    /// The flow belongs to another metered interface.
    OtherInterface = 4,
    /// The table was full and the ring of overflow records was full too.
    OverflowLost = 5,
    /// The flow was closing and the ring of late records was full.
    LateLost = 6,
}

impl Reason {
    /// Number of reasons.
    pub const COUNT: usize = 7;
    /// All, in the order of their numbers.
    pub const ALL: [Reason; Self::COUNT] = [
        Reason::NotIp,
        Reason::Malformed,
        Reason::LaterFragment,
        Reason::Excluded,
        Reason::OtherInterface,
        Reason::OverflowLost,
        Reason::LateLost,
    ];

    /// Name in `status`, statistics lines and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::NotIp => "not_ip",
            Reason::Malformed => "malformed",
            Reason::LaterFragment => "later_fragment",
            Reason::Excluded => "excluded",
            Reason::OtherInterface => "other_interface",
            Reason::OverflowLost => "overflow_lost",
            Reason::LateLost => "late_lost",
        }
    }
}

/// Counters of one CPU. seen = metered + reasons, weighted in wire segments.
#[repr(C)]
#[cfg_attr(feature = "std", derive(FromBytes, Immutable, IntoBytes, KnownLayout))]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Books {
    /// By [`Hook`].
    pub seen: [Tally; 2],
    /// By [`Reason`].
    pub reasons: [Tally; Reason::COUNT],
    /// Sent to the agent as late records: their flow was closing. They are metered.
    pub late: Tally,
    /// Sent to the agent as overflow records: the table was full or an insert refused. They are
    /// metered, too.
    pub overflow: Tally,
    /// Of both, what the agent put back into the table.
    pub settled: Tally,
    /// Flows created, also the source of flow ids.
    pub flows: u64,
    /// Payload samples handed over.
    pub samples: u64,
    /// Payload samples lost to a full ring: a label may suffer, no counter does.
    pub samples_lost: u64,
}

impl Books {
    /// Everything sent to the agent packet by packet.
    #[must_use]
    pub fn apart(&self) -> Tally {
        self.late.plus(self.overflow)
    }

    /// Sum over CPUs.
    #[must_use]
    pub fn sum<'a>(cpus: impl IntoIterator<Item = &'a Books>) -> Books {
        cpus.into_iter().fold(Books::default(), |mut sum, books| {
            for (to, from) in sum.seen.iter_mut().zip(&books.seen) {
                *to = to.plus(*from);
            }
            for (to, from) in sum.reasons.iter_mut().zip(&books.reasons) {
                *to = to.plus(*from);
            }
            sum.late = sum.late.plus(books.late);
            sum.settled = sum.settled.plus(books.settled);
            sum.overflow = sum.overflow.plus(books.overflow);
            sum.flows += books.flows;
            sum.samples += books.samples;
            sum.samples_lost += books.samples_lost;
            sum
        })
    }

    /// Counts as seen. A capture's packets stand with those that came in.
    #[inline(always)]
    pub fn see(&mut self, hook: Hook, wire: Tally) {
        self.seen[hook as usize & 1].add(wire);
    }

    /// Counts as not metered.
    #[inline(always)]
    pub fn refuse(&mut self, reason: Reason, wire: Tally) {
        if let Some(tally) = self.reasons.get_mut(reason as usize) {
            tally.add(wire);
        }
    }

    /// Seen on both hooks.
    #[must_use]
    pub fn seen_total(&self) -> Tally {
        self.seen[0].plus(self.seen[1])
    }

    /// Not metered, all reasons.
    #[must_use]
    pub fn reasons_total(&self) -> Tally {
        self.reasons
            .iter()
            .fold(Tally::default(), |sum, tally| sum.plus(*tally))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_number_and_name() {
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, index);
        }
        let mut names: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Reason::COUNT);
    }

    #[test]
    fn the_books_of_all_cpus_add_up() {
        let mut one = Books::default();
        one.seen[0] = Tally {
            packets: 3,
            bytes: 300,
        };
        one.reasons[Reason::Malformed as usize] = Tally {
            packets: 1,
            bytes: 60,
        };
        let sum = Books::sum([&one, &one]);
        assert_eq!(
            sum.seen_total(),
            Tally {
                packets: 6,
                bytes: 600
            }
        );
        assert_eq!(
            sum.reasons_total(),
            Tally {
                packets: 2,
                bytes: 120
            }
        );
    }
}
