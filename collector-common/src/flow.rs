//! A flow's entry in the table and the rule that updates it, packet by packet.
//!
//! The kernel shares an entry between CPUs, so it adds atomically; the host owns its entries.
//! [`Arithmetic`] is the only difference between the two.

#[cfg(feature = "std")]
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{
    books::Hook,
    expiry::{self, End},
    key::{FlowKey, Side},
    packet::{Packet, protocol, tcp},
    settings::Sweep,
    wire::Tally,
};

mod window;

pub use window::{Piece, WINDOW_OPENER, WINDOW_RESPONDER, WINDOW_SEGMENTS, Window};

/// Adding on shared memory: atomic in the kernel, plain on the host.
pub trait Arithmetic {
    /// `*slot += n`.
    fn add(slot: &mut u64, n: u64);
    /// `*slot |= bits`.
    fn or(slot: &mut u64, bits: u64);
    /// `*slot &= bits`.
    fn and(slot: &mut u64, bits: u64);
}

/// Adding for one owner.
pub struct Owned;

impl Arithmetic for Owned {
    fn add(slot: &mut u64, n: u64) {
        *slot = slot.wrapping_add(n);
    }
    fn or(slot: &mut u64, bits: u64) {
        *slot |= bits;
    }
    fn and(slot: &mut u64, bits: u64) {
        *slot &= bits;
    }
}

/// Bits of [`FlowEntry::state`].
pub mod state {
    /// Being closed: nobody adds any more, packets go out as late records.
    pub const CLOSING: u64 = 1;
    /// An active cut has taken its snapshot into [`super::FlowEntry::pending`].
    pub const CUT: u64 = 1 << 1;
}

/// How the opener of a flow is known.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "std", serde(rename_all = "snake_case"))]
pub enum OpenerBasis {
    /// It sent the first packet that was seen.
    #[default]
    FirstPacket = 0,
    /// The same, and the hook tells which end is this host.
    Hook = 1,
    /// The other side answered with SYN and ACK.
    SynAck = 2,
    /// It sent a SYN.
    Syn = 3,
}

impl OpenerBasis {
    /// From a stored number; unknown numbers are the weakest basis.
    #[must_use]
    pub fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Hook,
            2 => Self::SynAck,
            3 => Self::Syn,
            _ => Self::FirstPacket,
        }
    }
}

/// Counters and state of one direction.
#[repr(C)]
#[cfg_attr(feature = "std", derive(FromBytes, Immutable, IntoBytes, KnownLayout))]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Direction {
    /// Wire packets and bytes.
    pub tally: Tally,
    /// Union of TCP flags.
    pub flags: u64,
    /// Payload window.
    pub window: Window,
}

/// No socket user is known.
pub const NO_USER: u32 = u32::MAX;

/// One flow, both directions, as the table keeps it.
///
/// Layout: `repr(C)`, 8-byte aligned, no implicit padding; what every packet touches comes
/// first. Times are nanoseconds since boot.
#[repr(C)]
#[cfg_attr(feature = "std", derive(FromBytes, Immutable, IntoBytes, KnownLayout))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlowEntry {
    /// Bits of [`state`].
    pub state: u64,
    /// Interface of the first packet.
    pub ifindex: u32,
    /// User of the socket that sent the host's own first packet, or [`NO_USER`].
    pub user: u32,
    /// Last packet.
    pub last: u64,
    /// By [`Side`] of the sender.
    pub directions: [Direction; 2],
    /// First packet.
    pub first: u64,
    /// When FIN had been seen both ways or RST either way; 0 before.
    pub ended: u64,
    /// Unique among the flows of one table.
    pub id: u64,
    /// Start of the part that is being counted: `first`, or the last active cut.
    pub since: u64,
    /// Active cuts so far.
    pub part: u32,
    /// [`Side`] of the opener.
    pub opener: u8,
    /// [`OpenerBasis`].
    pub basis: u8,
    /// [`Hook`] of the first packet.
    pub hook: u8,
    /// Always zero.
    pub reserved: u8,
    /// Pass that told the agent last that the flow is due.
    pub told: u64,
    /// When it was cut.
    pub cut_at: u64,
    /// Counted in earlier parts, by [`Side`].
    pub baseline: [Tally; 2],
    /// The snapshot of a cut that is not committed yet, by [`Side`].
    pub pending: [Tally; 2],
}

const _: () = assert!(size_of::<FlowEntry>() == 208);

impl Default for FlowEntry {
    fn default() -> Self {
        Self {
            state: 0,
            ifindex: 0,
            user: NO_USER,
            last: 0,
            directions: [Direction::default(); 2],
            first: 0,
            ended: 0,
            id: 0,
            since: 0,
            part: 0,
            opener: 0,
            basis: 0,
            hook: 0,
            reserved: 0,
            told: 0,
            cut_at: 0,
            baseline: [Tally::default(); 2],
            pending: [Tally::default(); 2],
        }
    }
}

/// One packet as the update rule sees it.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// Headers.
    pub packet: Packet,
    /// Its sender in the key.
    pub side: Side,
    /// What it stood for on the wire.
    pub wire: Tally,
    /// Nanoseconds since boot.
    pub now: u64,
    /// Where it was seen.
    pub hook: Hook,
    /// On which interface.
    pub ifindex: u32,
}

/// What became of a packet that found an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Added.
    Counted,
    /// The flow is closing (or this SYN closes it): the packet is a late record.
    Late,
    /// The flow belongs to another interface.
    OtherInterface,
}

impl FlowEntry {
    /// The entry that a first packet makes. Its windows are open; [`FlowEntry::observe`] has
    /// still to be called for the packet's counters.
    #[must_use]
    pub fn opened_by(seen: &Observation, id: u64, user: u32) -> Self {
        let mut entry = Self::default();
        entry.reopen(seen, id, user);
        entry
    }

    /// Makes an entry that was never added to into that of another first packet: writes the few
    /// fields that are not zero. The kernel does so in place, where clearing all would cost as
    /// much as the rest.
    #[inline(always)]
    pub fn reopen(&mut self, seen: &Observation, id: u64, user: u32) {
        let (opener, basis) = opener(seen);
        self.ifindex = seen.ifindex;
        self.user = user;
        self.last = seen.now;
        self.first = seen.now;
        self.since = seen.now;
        self.id = id;
        self.opener = opener as u8;
        self.basis = basis as u8;
        self.hook = seen.hook as u8;
    }

    /// Adds a packet.
    #[inline(always)]
    pub fn observe<A: Arithmetic>(&mut self, seen: &Observation) -> Outcome {
        if self.state & state::CLOSING != 0 {
            return Outcome::Late;
        }
        if self.ifindex != seen.ifindex {
            return Outcome::OtherInterface;
        }
        let flags = seen.packet.tcp_flags;
        if self.ended != 0 && flags & (tcp::SYN | tcp::ACK) == tcp::SYN {
            A::or(&mut self.state, state::CLOSING);
            return Outcome::Late;
        }
        let direction = &mut self.directions[seen.side.index()];
        A::add(&mut direction.tally.packets, seen.wire.packets);
        A::add(&mut direction.tally.bytes, seen.wire.bytes);
        if seen.now > self.last {
            self.last = seen.now;
        }
        if u64::from(flags) & !direction.flags != 0 {
            A::or(&mut direction.flags, u64::from(flags));
            self.note_flags(seen);
        }
        Outcome::Counted
    }

    /// A flag that this direction had not shown: the opener may become known, the flow may end.
    #[inline(always)]
    fn note_flags(&mut self, seen: &Observation) {
        if seen.packet.protocol != protocol::TCP {
            return;
        }
        let (side, basis) = opener(seen);
        if basis as u8 > self.basis {
            self.opener = side as u8;
            self.basis = basis as u8;
        }
        if self.ended == 0 && expiry::has_ended(self) {
            self.ended = seen.now;
        }
    }

    /// The opener's side.
    #[inline(always)]
    #[must_use]
    pub fn opener(&self) -> Side {
        Side::from_number(self.opener)
    }

    /// Bytes of payload sampled from `side`.
    #[inline(always)]
    #[must_use]
    pub fn window_limit(&self, side: Side) -> u32 {
        if side as u8 == self.opener {
            WINDOW_OPENER
        } else {
            WINDOW_RESPONDER
        }
    }

    /// What the record that is due counts, opener first: up to the snapshot for a cut, else all,
    /// less the parts before.
    #[must_use]
    pub fn counts(&self) -> [Tally; 2] {
        let upto = |side: Side| {
            let index = side.index();
            let cut = self.state & state::CUT != 0;
            let total = if cut {
                self.pending[index]
            } else {
                self.directions[index].tally
            };
            total.since(self.baseline[index])
        };
        [upto(self.opener()), upto(self.opener().other())]
    }

    /// Everything counted so far, both directions, all parts.
    #[must_use]
    pub fn total(&self) -> Tally {
        self.directions[0].tally.plus(self.directions[1].tally)
    }

    /// Nobody adds any more, and all that is left is due. Not so while a cut waits for its commit:
    /// then [`FlowEntry::counts`] are the cut's, and what came behind it is due in a later pass.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.state & (state::CLOSING | state::CUT) == state::CLOSING
    }

    /// In no record yet: what is live. A snapshot that waits for its commit is written.
    #[must_use]
    pub fn unwritten(&self) -> Tally {
        let from = if self.state & state::CUT != 0 {
            &self.pending
        } else {
            &self.baseline
        };
        let side = |side: usize| self.directions[side].tally.since(from[side]);
        side(0).plus(side(1))
    }

    /// One visit of a sweep: commits a cut that is on disk, then marks what is due. True when the
    /// agent is to read this entry, which `tell` has told it.
    ///
    /// Nothing is marked that could not be told, and nothing is told twice in a pass: between two
    /// reads of an iterator entries come and go, so that it visits one again or leaves one out.
    #[inline(always)]
    pub fn visit<A: Arithmetic>(&mut self, sweep: &Sweep, tell: impl FnOnce() -> bool) -> bool {
        if self.is_cut() && sweep.has_committed(self.told) {
            self.commit_cut::<A>();
        }
        let end = expiry::due(self, sweep.now, &sweep.timeouts);
        let due = sweep.all != 0 || end.is_some() || self.is_cut();
        if !due || self.told == sweep.pass || !tell() {
            return false;
        }
        self.told = sweep.pass;
        // A cut that is not on disk is told again, and nothing else before it is.
        if !self.is_cut() {
            if sweep.all == 0 && end == Some(End::Active) {
                self.cut::<A>(sweep);
            } else {
                A::or(&mut self.state, state::CLOSING);
            }
        }
        true
    }

    #[inline(always)]
    fn is_cut(&self) -> bool {
        self.state & state::CUT != 0
    }

    /// Active cut: a snapshot for the record, and no sampling any more. Packets go on counting.
    #[inline(always)]
    fn cut<A: Arithmetic>(&mut self, sweep: &Sweep) {
        self.pending = [self.directions[0].tally, self.directions[1].tally];
        self.cut_at = sweep.now;
        self.directions[0].window.done = 1;
        self.directions[1].window.done = 1;
        A::or(&mut self.state, state::CUT);
    }

    #[inline(always)]
    fn commit_cut<A: Arithmetic>(&mut self) {
        self.baseline = self.pending;
        self.since = self.cut_at;
        self.part += 1;
        A::and(&mut self.state, !state::CUT);
    }

    /// Adds what `seed` counted: late packets of the same key come home. Counters add up, times
    /// widen, the better known opener stays.
    #[inline(always)]
    pub fn absorb<A: Arithmetic>(&mut self, seed: &FlowEntry) {
        let mut side = 0;
        while side < 2 {
            let from = &seed.directions[side];
            A::add(&mut self.directions[side].tally.packets, from.tally.packets);
            A::add(&mut self.directions[side].tally.bytes, from.tally.bytes);
            A::or(&mut self.directions[side].flags, from.flags);
            side += 1;
        }
        if seed.first < self.first {
            self.first = seed.first;
            self.since = seed.first;
        }
        if seed.last > self.last {
            self.last = seed.last;
        }
        if seed.basis > self.basis {
            self.opener = seed.opener;
            self.basis = seed.basis;
        }
        if self.user == NO_USER {
            self.user = seed.user;
        }
        if self.ended == 0 && expiry::has_ended(self) {
            self.ended = self.last;
        }
    }
}

/// Who opened the flow as far as this packet tells, and how that is known.
#[inline(always)]
fn opener(seen: &Observation) -> (Side, OpenerBasis) {
    if seen.packet.protocol == protocol::TCP {
        match seen.packet.tcp_flags & (tcp::SYN | tcp::ACK) {
            tcp::SYN => return (seen.side, OpenerBasis::Syn),
            both if both == tcp::SYN | tcp::ACK => {
                return (seen.side.other(), OpenerBasis::SynAck);
            }
            _ => {}
        }
    }
    let basis = match seen.hook {
        Hook::Ingress | Hook::Egress => OpenerBasis::Hook,
        Hook::Capture => OpenerBasis::FirstPacket,
    };
    (seen.side, basis)
}

/// A flow with its key, as events carry it and as seeds go back into the table.
#[repr(C)]
#[cfg_attr(feature = "std", derive(FromBytes, Immutable, IntoBytes, KnownLayout))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Flow {
    /// Endpoints and transport.
    pub key: FlowKey,
    /// Counters and state.
    pub entry: FlowEntry,
}

const _: () = assert!(size_of::<Flow>() == 248);

#[cfg(test)]
mod tests;
