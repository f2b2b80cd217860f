//! When a flow ends. Live and replay call [`due`] on ticks of whole seconds, never on arrival.

use crate::{
    flow::{FlowEntry, OpenerBasis, state},
    packet::tcp,
    settings::Timeouts,
};

/// Why a record was written (RFC 5102, flowEndReason, made finer).
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "std", serde(rename_all = "snake_case"))]
pub enum End {
    /// FIN both ways.
    Finished = 0,
    /// RST.
    Reset = 1,
    /// Quiet for the idle time.
    Idle = 2,
    /// An opening that nobody completed.
    HalfOpen = 3,
    /// Cut while it goes on.
    Active = 4,
    /// The meter stopped.
    Shutdown = 5,
    /// Packets that found the table full: a record of what came in each half second.
    Overflow = 6,
}

/// FIN seen both ways or RST either way.
#[inline(always)]
#[must_use]
pub fn has_ended(entry: &FlowEntry) -> bool {
    let [first, second] = &entry.directions;
    let both = first.flags & second.flags;
    let either = first.flags | second.flags;
    both & u64::from(tcp::FIN) != 0 || either & u64::from(tcp::RST) != 0
}

/// A SYN that its sender never followed up with an ACK. Basis SYN exists for TCP only.
#[inline(always)]
#[must_use]
pub fn is_half_open(entry: &FlowEntry) -> bool {
    let opener = &entry.directions[entry.opener().index()];
    entry.basis == OpenerBasis::Syn as u8
        && opener.flags & u64::from(tcp::ACK) == 0
        && !has_ended(entry)
}

/// Only one side was seen.
#[inline(always)]
#[must_use]
pub fn is_unanswered(entry: &FlowEntry) -> bool {
    let [first, second] = &entry.directions;
    first.tally.packets == 0 || second.tally.packets == 0
}

/// Whether the flow's record is due at `now` (nanoseconds since boot), and why.
///
/// A packet may have come after `now` was read: then nothing has been quiet.
#[inline(always)]
#[must_use]
pub fn due(entry: &FlowEntry, now: u64, timeouts: &Timeouts) -> Option<End> {
    if entry.state & state::CLOSING != 0 || passed(entry.ended, timeouts.linger, now) {
        return Some(natural_end(entry));
    }
    let quiet = now.saturating_sub(entry.last);
    if is_half_open(entry) && quiet >= timeouts.half_open {
        return Some(End::HalfOpen);
    }
    if quiet >= timeouts.idle || (quiet >= timeouts.unanswered && is_unanswered(entry)) {
        return Some(End::Idle);
    }
    // An end in sight closes the flow; a cut would only split it.
    let counting = now.saturating_sub(entry.since);
    (counting >= timeouts.active && entry.ended == 0).then_some(End::Active)
}

/// The first `now` at which [`due`] names an end if no packet comes before it: a table need not
/// look at the flow any sooner.
#[must_use]
pub fn deadline(entry: &FlowEntry, timeouts: &Timeouts) -> u64 {
    if entry.state & state::CLOSING != 0 {
        return 0;
    }
    let mut first = entry.last.saturating_add(timeouts.idle);
    if entry.ended != 0 {
        first = first.min(entry.ended.saturating_add(timeouts.linger));
    } else {
        first = first.min(entry.since.saturating_add(timeouts.active));
    }
    if is_half_open(entry) {
        first = first.min(entry.last.saturating_add(timeouts.half_open));
    }
    if is_unanswered(entry) {
        first = first.min(entry.last.saturating_add(timeouts.unanswered));
    }
    first
}

/// `since` is set and lies `span` back.
#[inline(always)]
fn passed(since: u64, span: u64, now: u64) -> bool {
    since != 0 && now.saturating_sub(since) >= span
}

/// How a flow that is being closed came to its end, from what it showed.
#[inline(always)]
#[must_use]
pub fn natural_end(entry: &FlowEntry) -> End {
    let [first, second] = &entry.directions;
    if (first.flags | second.flags) & u64::from(tcp::RST) != 0 {
        End::Reset
    } else if first.flags & second.flags & u64::from(tcp::FIN) != 0 {
        End::Finished
    } else if is_half_open(entry) {
        End::HalfOpen
    } else {
        End::Idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SECOND;

    const T: Timeouts = Timeouts::DEFAULT;

    fn entry(opener_flags: u8, answer_flags: u8) -> FlowEntry {
        let mut entry = FlowEntry {
            first: SECOND,
            since: SECOND,
            last: SECOND,
            ..FlowEntry::default()
        };
        entry.directions[0].flags = opener_flags.into();
        entry.directions[1].flags = answer_flags.into();
        entry
    }

    #[test]
    fn a_quiet_flow_ends_at_the_idle_time_and_not_before() {
        let flow = entry(0, 0);
        assert_eq!(due(&flow, SECOND + T.idle - 1, &T), None);
        assert_eq!(due(&flow, SECOND + T.idle, &T), Some(End::Idle));
    }

    #[test]
    fn an_unanswered_syn_ends_after_ten_seconds() {
        let flow = FlowEntry {
            basis: OpenerBasis::Syn as u8,
            ..entry(tcp::SYN, 0)
        };
        assert_eq!(due(&flow, 11 * SECOND - 1, &T), None);
        assert_eq!(due(&flow, 11 * SECOND, &T), Some(End::HalfOpen));
    }

    #[test]
    fn an_answered_syn_without_the_last_ack_is_half_open_too() {
        let flow = FlowEntry {
            basis: OpenerBasis::Syn as u8,
            ..entry(tcp::SYN, tcp::SYN | tcp::ACK)
        };
        assert_eq!(due(&flow, 11 * SECOND, &T), Some(End::HalfOpen));
        let done = FlowEntry {
            basis: OpenerBasis::Syn as u8,
            ..entry(tcp::SYN | tcp::ACK, tcp::SYN | tcp::ACK)
        };
        assert_eq!(due(&done, 11 * SECOND, &T), None);
    }

    #[test]
    fn a_flow_that_nobody_answers_makes_room_as_a_half_open_one_does_while_the_table_is_full() {
        let mut flow = entry(0, 0);
        flow.directions[0].tally.packets = 3;
        let pressed = T.under_pressure();
        assert_eq!(due(&flow, 11 * SECOND, &T), None);
        assert_eq!(due(&flow, 11 * SECOND - 1, &pressed), None);
        assert_eq!(due(&flow, 11 * SECOND, &pressed), Some(End::Idle));
        assert_eq!(deadline(&flow, &pressed), 11 * SECOND);
        flow.directions[1].tally.packets = 1;
        assert_eq!(due(&flow, 11 * SECOND, &pressed), None);
    }

    #[test]
    fn the_linger_counts_from_the_end_and_not_from_the_last_packet() {
        let mut flow = entry(tcp::FIN | tcp::ACK, tcp::FIN | tcp::ACK);
        flow.ended = 5 * SECOND;
        flow.last = 7 * SECOND;
        assert_eq!(due(&flow, 7 * SECOND - 1, &T), None);
        assert_eq!(due(&flow, 7 * SECOND, &T), Some(End::Finished));
        flow.directions[1].flags |= u64::from(tcp::RST);
        assert_eq!(due(&flow, 7 * SECOND, &T), Some(End::Reset));
    }

    #[test]
    fn one_fin_alone_ends_nothing() {
        let flow = entry(tcp::FIN | tcp::ACK, tcp::ACK);
        assert!(!has_ended(&flow));
        assert_eq!(due(&flow, 3 * SECOND, &T), None);
    }

    #[test]
    fn a_busy_flow_is_cut_after_the_active_time() {
        let mut flow = entry(tcp::ACK, tcp::ACK);
        flow.last = SECOND + T.active;
        assert_eq!(due(&flow, SECOND + T.active - 1, &T), None);
        assert_eq!(due(&flow, SECOND + T.active, &T), Some(End::Active));
    }

    #[test]
    fn the_deadline_is_the_first_moment_at_which_a_flow_is_due() {
        let flags = [
            0,
            tcp::SYN,
            tcp::SYN | tcp::ACK,
            tcp::FIN | tcp::ACK,
            tcp::RST,
        ];
        for (opener, answer) in flags.iter().flat_map(|a| flags.map(|b| (*a, b))) {
            for basis in [OpenerBasis::FirstPacket, OpenerBasis::Syn] {
                for (ended, last) in [(0, 1), (0, 3_590), (5, 7), (5, 5), (5, 300)] {
                    let flow = FlowEntry {
                        basis: basis as u8,
                        ended: ended * SECOND,
                        last: last * SECOND,
                        ..entry(opener, answer)
                    };
                    let at = deadline(&flow, &T);
                    assert!(due(&flow, at, &T).is_some(), "{flow:?}");
                    assert_eq!(due(&flow, at - 1, &T), None, "{flow:?}");
                }
            }
        }
        let closing = FlowEntry {
            state: state::CLOSING,
            ..entry(0, 0)
        };
        assert_eq!(deadline(&closing, &T), 0);
    }

    #[test]
    fn a_packet_from_after_the_tick_keeps_its_flow() {
        let mut flow = entry(0, 0);
        flow.last = 500 * SECOND;
        assert_eq!(due(&flow, 400 * SECOND, &T), None);
    }
}
