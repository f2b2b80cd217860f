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
    assert!(!entry.visit::<Owned>(&pass(1, ACTIVE), || true));
    assert_eq!(entry, before);
}

#[test]
fn a_due_flow_is_marked_and_stays_marked() {
    let mut entry = conversation(&[(CLIENT, SYN, SECOND)]);
    let now = SECOND + Timeouts::DEFAULT.half_open;
    assert!(entry.visit::<Owned>(&pass(1, now), || true));
    assert_eq!(entry.state, state::CLOSING);
    assert_eq!(
        entry.observe::<Owned>(&seen(SERVER, SYN_ACK, now)),
        Outcome::Late
    );
    assert!(
        entry.visit::<Owned>(&pass(2, now), || true),
        "until it is deleted"
    );
}

#[test]
fn a_shutdown_takes_every_flow() {
    let mut entry = opened(&udp(CLIENT, SECOND));
    let sweep = Sweep {
        all: 1,
        ..pass(1, SECOND)
    };
    assert!(entry.visit::<Owned>(&sweep, || true));
    assert_eq!(entry.state, state::CLOSING);
}

#[test]
fn a_shutdown_closes_a_busy_flow_instead_of_cutting_it() {
    let mut entry = busy();
    let sweep = Sweep {
        all: 1,
        ..pass(1, SECOND + ACTIVE)
    };
    assert!(entry.visit::<Owned>(&sweep, || true));
    assert_eq!(entry.state, state::CLOSING);
    assert_eq!(entry.counts(), [tally(2), tally(1)]);
}

#[test]
fn a_cut_counts_up_to_its_snapshot_and_the_flow_goes_on() {
    let mut entry = busy();
    let cut = pass(1, SECOND + ACTIVE);
    assert!(entry.visit::<Owned>(&cut, || true));
    assert_eq!(entry.state, state::CUT);
    assert_eq!(entry.counts(), [tally(2), tally(1)]);
    assert_eq!(entry.unwritten(), tally(0));
    assert!(entry.directions.iter().all(|one| one.window.done == 1));
    entry.observe::<Owned>(&seen(SERVER, ACK, cut.now + 1));
    assert_eq!(entry.counts(), [tally(2), tally(1)], "the record stays");
    assert_eq!(entry.unwritten(), tally(1));
}

#[test]
fn a_second_visit_in_the_same_pass_tells_and_changes_nothing() {
    let mut entry = busy();
    let cut = pass(1, SECOND + ACTIVE);
    assert!(entry.visit::<Owned>(&cut, || true));
    let before = entry;
    assert!(!entry.visit::<Owned>(&cut, || unreachable!()));
    assert_eq!(entry, before);
    let mut closing = conversation(&[(CLIENT, SYN, SECOND)]);
    assert!(closing.visit::<Owned>(&cut, || true));
    assert!(!closing.visit::<Owned>(&cut, || unreachable!()));
}

#[test]
fn what_the_agent_could_not_be_told_is_not_marked() {
    let cut = pass(1, SECOND + ACTIVE);
    for mut entry in [busy(), conversation(&[(CLIENT, SYN, SECOND)])] {
        let before = entry;
        assert!(!entry.visit::<Owned>(&cut, || false));
        assert_eq!(entry, before);
        assert!(entry.visit::<Owned>(&cut, || true));
    }
}

#[test]
fn a_cut_of_an_agent_before_this_one_is_told_again_though_later_passes_are_on_disk() {
    let mut entry = busy();
    assert!(entry.visit::<Owned>(&pass(1, SECOND + ACTIVE), || true));
    let next = |number, committed| Sweep {
        since: 5,
        committed,
        ..pass(number, SECOND + ACTIVE)
    };
    assert!(entry.visit::<Owned>(&next(6, 5), || true));
    assert_eq!((entry.part, entry.counts()), (0, [tally(2), tally(1)]));
    assert!(!entry.visit::<Owned>(&next(7, 6), || true));
    assert_eq!(entry.part, 1);
}

#[test]
fn a_cut_that_is_not_on_disk_is_due_again() {
    let mut entry = busy();
    assert!(entry.visit::<Owned>(&pass(1, SECOND + ACTIVE), || true));
    let later = pass(2, 2 * SECOND + ACTIVE);
    assert!(entry.visit::<Owned>(&later, || true));
    assert_eq!(entry.counts(), [tally(2), tally(1)]);
    assert_eq!((entry.part, entry.told), (0, 2));
}

#[test]
fn a_committed_cut_becomes_the_baseline_of_the_next_part() {
    let mut entry = busy();
    assert!(entry.visit::<Owned>(&pass(1, SECOND + ACTIVE), || true));
    entry.observe::<Owned>(&seen(SERVER, ACK, SECOND + ACTIVE));
    let committed = Sweep {
        committed: 1,
        ..pass(2, 2 * SECOND + ACTIVE)
    };
    assert!(!entry.visit::<Owned>(&committed, || true));
    assert_eq!((entry.state, entry.part), (0, 1));
    assert_eq!((entry.first, entry.since), (SECOND, SECOND + ACTIVE));
    assert_eq!(entry.counts(), [tally(0), tally(1)]);
    assert_eq!(entry.unwritten(), tally(1));
}

#[test]
fn a_flow_that_closes_behind_a_cut_has_both_records() {
    let mut entry = busy();
    assert!(entry.visit::<Owned>(&pass(1, SECOND + ACTIVE), || true));
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
    assert!(entry.visit::<Owned>(&committed, || true));
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
    /// A pass so many seconds later; the agent may die before it wrote what it was told.
    Pass(u16, Visits, bool),
}

/// What may become of an entry where an iterator is read in slices.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Visits {
    Once,
    /// Entries came before it.
    Twice,
    /// Entries before it went.
    LeftOut,
    /// The buffer was full.
    Untold,
}

fn step() -> impl Strategy<Value = Step> {
    let visits = prop_oneof![
        3 => Just(Visits::Once),
        1 => Just(Visits::Twice),
        1 => Just(Visits::LeftOut),
        1 => Just(Visits::Untold),
    ];
    prop_oneof![
        6 => (any::<bool>(), 1_u16..50).prop_map(|(side, packets)| Step::Packet(side, packets, ACK)),
        1 => (any::<bool>(), 1_u16..50, any::<u8>())
            .prop_map(|(side, packets, flags)| Step::Packet(side, packets, flags)),
        2 => (0_u16..5000, visits, any::<bool>())
            .prop_map(|(after, visits, dies)| Step::Pass(after, visits, dies)),
    ]
}

/// The agent's part: writes each part once, deletes what is closed, and opens a new entry for
/// what comes after.
struct Ledger {
    entry: Option<FlowEntry>,
    now: u64,
    pass: u64,
    since: u64,
    written_part: Option<u32>,
    written: Tally,
    /// Of a cut that an agent did not live to write.
    owed: Tally,
    counted: Tally,
}

impl Ledger {
    fn new() -> Self {
        Self {
            entry: None,
            now: SECOND,
            pass: 0,
            since: 1,
            written_part: None,
            written: Tally::default(),
            owed: Tally::default(),
            counted: Tally::default(),
        }
    }

    fn live(&self) -> Tally {
        let unwritten = self.entry.as_ref().map(FlowEntry::unwritten);
        self.owed.plus(unwritten.unwrap_or_default())
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Packet(side, packets, flags) => self.packet(side, packets.into(), flags),
            Step::Pass(after, visits, dies) => {
                self.now += u64::from(after) * SECOND;
                self.sweep(visits, dies, false);
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

    fn sweep(&mut self, visits: Visits, dies: bool, all: bool) {
        self.pass += 1;
        let sweep = Sweep {
            since: self.since,
            committed: self.pass - 1,
            all: all.into(),
            ..pass(self.pass, self.now)
        };
        if let Some(mut entry) = self.entry.take() {
            let times = match visits {
                Visits::LeftOut => 0,
                Visits::Twice => 2,
                Visits::Once | Visits::Untold => 1,
            };
            let told = |_: &u32| entry.visit::<Owned>(&sweep, || visits != Visits::Untold);
            let told = (0..times).filter(told).count();
            assert!(told <= 1, "told twice");
            if told == 0 || dies || !self.write(&entry) {
                let is_cut = entry.state & state::CUT != 0;
                if told == 1 && dies && is_cut && self.written_part != Some(entry.part) {
                    let [opener, other] = entry.counts();
                    self.owed = opener.plus(other);
                }
                self.entry = Some(entry);
            }
        }
        if dies {
            self.since = self.pass + 1;
        }
    }

    /// Writes the part that is due, once; true when the flow is over.
    fn write(&mut self, entry: &FlowEntry) -> bool {
        if self.written_part != Some(entry.part) {
            let [opener, other] = entry.counts();
            self.written = self.written.plus(opener).plus(other);
            self.written_part = Some(entry.part);
            self.owed = Tally::default();
        }
        if entry.is_closing() {
            self.written_part = None;
        }
        entry.is_closing()
    }

    /// As the agent stops: a pass for what is due, then all, until nothing is left.
    fn stop(&mut self) {
        for all in [false, true, true] {
            self.sweep(Visits::Once, false, all);
        }
        assert_eq!(self.live(), Tally::default());
    }
}
