//! Settings that cross into the kernel, and the layouts of the maps that hold them.

#[cfg(feature = "std")]
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::key::Address;

/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000_000_000;

/// Entries of the flow table unless the operator says otherwise.
pub const DEFAULT_TABLE_SIZE: u32 = 262_144;

/// When flows end, in nanoseconds.
#[repr(C)]
#[cfg_attr(feature = "std", derive(FromBytes, Immutable, IntoBytes, KnownLayout))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// Quiet for this long.
    pub idle: u64,
    /// A TCP opening that nobody completed, quiet for this long.
    pub half_open: u64,
    /// Nobody answered, quiet for this long; [`Timeouts::NEVER`] unless the table is full.
    pub unanswered: u64,
    /// A record is cut after this long and the flow goes on.
    pub active: u64,
    /// After FIN both ways or RST, for trailing segments.
    pub linger: u64,
}

impl Timeouts {
    /// Longer than anything lasts.
    pub const NEVER: u64 = u64::MAX;

    /// 120 s idle, 10 s half-open, 3600 s active, 2 s linger.
    pub const DEFAULT: Self = Self {
        idle: 120 * SECOND,
        half_open: 10 * SECOND,
        unanswered: Self::NEVER,
        active: 3600 * SECOND,
        linger: 2 * SECOND,
    };
}

impl Timeouts {
    /// While the table is full: flows that nobody answers make room as soon as half-open ones do.
    #[must_use]
    pub fn under_pressure(self) -> Self {
        Self {
            unanswered: self.half_open,
            ..self
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Parameters of one pass over the table.
#[repr(C)]
#[cfg_attr(feature = "std", derive(FromBytes, Immutable, IntoBytes, KnownLayout))]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sweep {
    /// The tick's time, nanoseconds since boot.
    pub now: u64,
    /// This slice of a pass; grows from one to the next, over all agents.
    pub pass: u64,
    /// The first of this agent's: what was told before may be in no record.
    pub since: u64,
    /// What was told from `since` to this one is on disk: a cut's snapshot becomes the baseline.
    pub committed: u64,
    /// 1: every entry is due (shutdown).
    pub all: u64,
    /// Entries that one read of the iterator still visits: the kernel's walk over a hash map lets
    /// nobody else run (kernel/bpf/bpf_iter.c reschedules between tasks and the like alone).
    pub visits: u64,
    /// When flows end.
    pub timeouts: Timeouts,
}

impl Sweep {
    /// Whether the record of what was told in `pass` is on disk.
    #[inline(always)]
    #[must_use]
    pub fn has_committed(&self, pass: u64) -> bool {
        self.since <= pass && pass <= self.committed
    }
}

/// What the exclusion trie is searched with, behind the prefix length that the trie itself keeps
/// (`struct bpf_lpm_trie_key`). IPv4 stands behind twelve zero bytes, as in [`Address`].
#[repr(C)]
#[cfg_attr(feature = "std", derive(FromBytes, Immutable, IntoBytes, KnownLayout))]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Prefix {
    /// 4 or 6 in its last byte, so that no IPv6 prefix covers IPv4.
    pub version: [u8; 4],
    /// Sixteen bytes in network order.
    pub octets: [u8; 16],
}

impl Prefix {
    /// Length of a prefix that matches one address, version included.
    pub const HOST_BITS: u32 = 160;

    /// What one address is looked up as.
    #[inline(always)]
    #[must_use]
    pub fn of(address: &Address, version: u8) -> Self {
        Self {
            version: [0, 0, 0, version],
            octets: address.octets(),
        }
    }

    /// Bits that count for the trie: `length` in bits of the address family, plus what stands
    /// before it.
    #[must_use]
    pub fn bits(version: u8, length: u32) -> u32 {
        let before = if version == 4 { 32 + 96 } else { 32 };
        before + length
    }
}

/// Ports per exclusion rule.
pub const PORTS_PER_RULE: usize = 8;

/// Which ports of a prefix are excluded.
#[repr(C)]
#[cfg_attr(feature = "std", derive(FromBytes, Immutable, IntoBytes, KnownLayout))]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PortSet {
    /// How many of `ports` count; 0: every port and every transport.
    pub count: u32,
    /// Ports of either endpoint, host byte order.
    pub ports: [u16; PORTS_PER_RULE],
}

impl PortSet {
    /// Whether a flow between these ports is excluded.
    #[inline(always)]
    #[must_use]
    pub fn covers(&self, ports: [u16; 2]) -> bool {
        if self.count == 0 {
            return true;
        }
        let mut found = false;
        let mut index = 0;
        while index < PORTS_PER_RULE {
            let used = (index as u32) < self.count;
            let port = self.ports[index];
            found |= used && (port == ports[0] || port == ports[1]);
            index += 1;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_without_ports_covers_every_port() {
        assert!(PortSet::default().covers([1, 2]));
    }

    #[test]
    fn a_rule_with_ports_covers_only_these_on_either_side() {
        let rule = PortSet {
            count: 1,
            ports: [22, 0, 0, 0, 0, 0, 0, 0],
        };
        assert!(rule.covers([50000, 22]));
        assert!(rule.covers([22, 50000]));
        assert!(!rule.covers([0, 443]), "unused places match nothing");
    }
}
