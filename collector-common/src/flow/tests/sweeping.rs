//! Passes over the table: marking, cutting, closing.

use super::*;

const ACTIVE: u64 = Timeouts::DEFAULT.active;

fn busy() -> FlowEntry {
    conversation(&[
        (CLIENT, SYN, SECOND),
        (SERVER, SYN_ACK, SECOND),
        (CLIENT, ACK, SECOND + ACTIVE),
    ])
}

#[test]
fn a_flow_that_is_not_due_is_left_alone() {
    let mut entry = busy();
    let before = entry;
    assert!(!entry.visit::<Owned>(&pass(1, ACTIVE)));
    assert_eq!(entry, before);
}

#[test]
fn a_due_flow_is_marked_and_stays_marked() {
    let mut entry = conversation(&[(CLIENT, SYN, SECOND)]);
    let now = SECOND + Timeouts::DEFAULT.half_open;
    assert!(entry.visit::<Owned>(&pass(1, now)));
    assert_eq!(entry.state, state::CLOSING);
    assert_eq!(
        entry.observe::<Owned>(&seen(SERVER, SYN_ACK, now)),
        Outcome::Late
    );
    assert!(entry.visit::<Owned>(&pass(2, now)), "until it is deleted");
}

#[test]
fn a_shutdown_takes_every_flow() {
    let mut entry = opened(&udp(CLIENT, SECOND));
    let sweep = Sweep {
        all: 1,
        ..pass(1, SECOND)
    };
    assert!(entry.visit::<Owned>(&sweep));
    assert_eq!(entry.state, state::CLOSING);
}

#[test]
fn a_shutdown_closes_a_busy_flow_instead_of_cutting_it() {
    let mut entry = busy();
    let sweep = Sweep {
        all: 1,
        ..pass(1, SECOND + ACTIVE)
    };
    assert!(entry.visit::<Owned>(&sweep));
    assert_eq!(entry.state, state::CLOSING);
    assert_eq!(entry.counts(), [tally(2), tally(1)]);
}

#[test]
fn a_cut_counts_up_to_its_snapshot_and_the_flow_goes_on() {
    let mut entry = busy();
    let cut = pass(1, SECOND + ACTIVE);
    assert!(entry.visit::<Owned>(&cut));
    assert_eq!(entry.state, state::CUT);
    assert_eq!(entry.counts(), [tally(2), tally(1)]);
    assert_eq!(entry.unwritten(), tally(0));
    assert!(entry.directions.iter().all(|one| one.window.done == 1));
    entry.observe::<Owned>(&seen(SERVER, ACK, cut.now + 1));
    assert_eq!(entry.counts(), [tally(2), tally(1)], "the record stays");
    assert_eq!(entry.unwritten(), tally(1));
}

#[test]
fn a_second_visit_in_the_same_pass_changes_nothing() {
    let mut entry = busy();
    let cut = pass(1, SECOND + ACTIVE);
    assert!(entry.visit::<Owned>(&cut));
    let before = entry;
    entry.observe::<Owned>(&seen(SERVER, ACK, SECOND));
    assert!(entry.visit::<Owned>(&cut));
    assert_eq!(entry.pending, before.pending);
    assert_eq!((entry.part, entry.state), (before.part, before.state));
}

#[test]
fn a_cut_that_is_not_on_disk_is_due_again() {
    let mut entry = busy();
    assert!(entry.visit::<Owned>(&pass(1, SECOND + ACTIVE)));
    let later = pass(2, 2 * SECOND + ACTIVE);
    assert!(entry.visit::<Owned>(&later));
    assert_eq!(entry.counts(), [tally(2), tally(1)]);
    assert_eq!((entry.part, entry.cut_pass), (0, 1));
}

#[test]
fn a_committed_cut_becomes_the_baseline_of_the_next_part() {
    let mut entry = busy();
    assert!(entry.visit::<Owned>(&pass(1, SECOND + ACTIVE)));
    entry.observe::<Owned>(&seen(SERVER, ACK, SECOND + ACTIVE));
    let committed = Sweep {
        committed: 1,
        ..pass(2, 2 * SECOND + ACTIVE)
    };
    assert!(!entry.visit::<Owned>(&committed));
    assert_eq!((entry.state, entry.part), (0, 1));
    assert_eq!((entry.first, entry.since), (SECOND, SECOND + ACTIVE));
    assert_eq!(entry.counts(), [tally(0), tally(1)]);
    assert_eq!(entry.unwritten(), tally(1));
}

#[test]
fn a_flow_that_closes_behind_a_cut_has_both_records() {
    let mut entry = busy();
    assert!(entry.visit::<Owned>(&pass(1, SECOND + ACTIVE)));
    let now = SECOND + ACTIVE;
    entry.observe::<Owned>(&seen(SERVER, tcp::RST, now));
    let again = entry.observe::<Owned>(&seen(CLIENT, SYN, now));
    assert_eq!(again, Outcome::Late);
    assert!(!entry.is_closing(), "the cut is written first");
    assert_eq!(entry.counts(), [tally(2), tally(1)]);
    let committed = Sweep {
        committed: 1,
        ..pass(2, now + SECOND)
    };
    assert!(entry.visit::<Owned>(&committed));
    assert!(entry.is_closing());
    assert_eq!(entry.counts(), [tally(0), tally(1)]);
}

proptest! {
    /// Whatever packets come between whatever passes, the parts add up to what was counted,
    /// and what is in no part yet is live.
    #[test]
    fn parts_add_up_to_what_was_counted(steps in prop::collection::vec(step(), 1..200)) {
        let mut ledger = Ledger::new();
        for step in steps {
            ledger.take(step);
            prop_assert_eq!(
                ledger.written.plus(ledger.live()),
                ledger.counted
            );
        }
        ledger.stop();
        prop_assert_eq!(ledger.written, ledger.counted);
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// From a side, segments, flags.
    Packet(bool, u16, u8),
    /// A pass so many seconds later, and whether what it wrote reached the disk.
    Pass(u16, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<bool>(), 1_u16..50).prop_map(|(side, packets)| Step::Packet(side, packets, ACK)),
        1 => (any::<bool>(), 1_u16..50, any::<u8>())
            .prop_map(|(side, packets, flags)| Step::Packet(side, packets, flags)),
        2 => (0_u16..5000, any::<bool>()).prop_map(|(after, disk)| Step::Pass(after, disk)),
    ]
}

/// The agent's part: writes each part once, deletes what is closed, and opens a new entry for
/// what comes after.
struct Ledger {
    entry: Option<FlowEntry>,
    now: u64,
    pass: u64,
    committed: u64,
    written_part: Option<u32>,
    written: Tally,
    counted: Tally,
}

impl Ledger {
    fn new() -> Self {
        Self {
            entry: None,
            now: SECOND,
            pass: 0,
            committed: 0,
            written_part: None,
            written: Tally::default(),
            counted: Tally::default(),
        }
    }

    fn live(&self) -> Tally {
        self.entry
            .as_ref()
            .map_or(Tally::default(), FlowEntry::unwritten)
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Packet(side, packets, flags) => self.packet(side, packets.into(), flags),
            Step::Pass(after, disk) => {
                self.now += u64::from(after) * SECOND;
                self.sweep(disk, false);
            }
        }
    }

    /// A late packet is none of the entry's: it waits elsewhere.
    fn packet(&mut self, side: bool, packets: u64, flags: u8) {
        self.now += SECOND;
        let seen = Observation {
            wire: tally(packets),
            ..seen(Side::from_number(side.into()), flags, self.now)
        };
        let entry = self
            .entry
            .get_or_insert_with(|| FlowEntry::opened_by(&seen, 1, NO_USER));
        if entry.observe::<Owned>(&seen) == Outcome::Counted {
            self.counted = self.counted.plus(seen.wire);
        }
    }

    fn sweep(&mut self, disk: bool, all: bool) {
        self.pass += 1;
        let sweep = Sweep {
            committed: self.committed,
            all: all.into(),
            ..pass(self.pass, self.now)
        };
        if let Some(mut entry) = self.entry.take() {
            let due = entry.visit::<Owned>(&sweep);
            if due && self.written_part != Some(entry.part) {
                let [opener, other] = entry.counts();
                self.written = self.written.plus(opener).plus(other);
                self.written_part = Some(entry.part);
            }
            if due && entry.is_closing() {
                self.written_part = None;
            } else {
                self.entry = Some(entry);
            }
        }
        if disk {
            self.committed = self.pass;
        }
    }

    /// As the agent stops: a pass for what is due, then all, until nothing is left.
    fn stop(&mut self) {
        self.sweep(true, false);
        self.sweep(true, true);
        assert_eq!(self.live(), Tally::default());
    }
}
