use proptest::prelude::*;

use super::*;
use crate::settings::{SECOND, Timeouts};

const SYN: u8 = tcp::SYN;
const SYN_ACK: u8 = tcp::SYN | tcp::ACK;
const ACK: u8 = tcp::ACK;
const FIN_ACK: u8 = tcp::FIN | tcp::ACK;
const CLIENT: Side = Side::Second;
const SERVER: Side = Side::First;

/// A TCP packet of 60 bytes, seen at ingress of interface 7.
fn seen(side: Side, flags: u8, now: u64) -> Observation {
    Observation {
        packet: Packet {
            protocol: protocol::TCP,
            version: 4,
            tcp_flags: flags,
            ..Packet::default()
        },
        side,
        wire: Tally {
            packets: 1,
            bytes: 60,
        },
        now,
        hook: Hook::Ingress,
        live: true,
        ifindex: 7,
    }
}

fn udp(side: Side, now: u64) -> Observation {
    let mut seen = seen(side, 0, now);
    seen.packet.protocol = protocol::UDP;
    seen
}

fn opened(first: &Observation) -> FlowEntry {
    let mut entry = FlowEntry::opened_by(first, 1, NO_USER);
    assert_eq!(entry.observe::<Owned>(first), Outcome::Counted);
    entry
}

/// Opened by the client, then these.
fn conversation(packets: &[(Side, u8, u64)]) -> FlowEntry {
    let [(side, flags, now), rest @ ..] = packets else {
        panic!("no packet");
    };
    let mut entry = opened(&seen(*side, *flags, *now));
    for (side, flags, now) in rest {
        let outcome = entry.observe::<Owned>(&seen(*side, *flags, *now));
        assert_eq!(outcome, Outcome::Counted);
    }
    entry
}

fn basis(entry: &FlowEntry) -> OpenerBasis {
    OpenerBasis::from_number(entry.basis)
}

fn tally(packets: u64) -> Tally {
    Tally {
        packets,
        bytes: 60 * packets,
    }
}

fn pass(pass: u64, now: u64) -> Sweep {
    Sweep {
        now,
        pass,
        committed: 0,
        all: 0,
        timeouts: Timeouts::DEFAULT,
    }
}

#[test]
fn the_sender_of_a_syn_is_the_opener() {
    let entry = conversation(&[(CLIENT, SYN, 5), (SERVER, SYN_ACK, 6), (CLIENT, ACK, 7)]);
    assert_eq!((entry.opener(), basis(&entry)), (CLIENT, OpenerBasis::Syn));
    assert_eq!((entry.first, entry.since, entry.last), (5, 5, 7));
    assert_eq!(entry.counts(), [tally(2), tally(1)]);
}

#[test]
fn a_syn_ack_names_the_other_side_as_the_opener() {
    let entry = conversation(&[(SERVER, SYN_ACK, 5), (CLIENT, ACK, 6)]);
    assert_eq!(entry.opener(), CLIENT);
    assert_eq!(basis(&entry), OpenerBasis::SynAck);
}

#[test]
fn a_syn_that_comes_late_corrects_the_opener() {
    let entry = conversation(&[(SERVER, ACK, 5), (CLIENT, SYN, 6)]);
    assert_eq!((entry.opener(), basis(&entry)), (CLIENT, OpenerBasis::Syn));
}

#[test]
fn a_known_opener_is_not_corrected_by_a_weaker_sign() {
    let entry = conversation(&[(CLIENT, SYN, 5), (CLIENT, SYN_ACK, 6)]);
    assert_eq!((entry.opener(), basis(&entry)), (CLIENT, OpenerBasis::Syn));
    let entry = conversation(&[(CLIENT, SYN, 5), (SERVER, SYN, 6)]);
    assert_eq!(entry.opener(), CLIENT, "the first of two that open at once");
}

#[test]
fn without_a_syn_the_first_packet_opens_live_and_in_a_capture() {
    let live = opened(&seen(SERVER, ACK, 5));
    assert_eq!((live.opener(), basis(&live)), (SERVER, OpenerBasis::Hook));
    let captured = Observation {
        live: false,
        ..udp(SERVER, 5)
    };
    assert_eq!(basis(&opened(&captured)), OpenerBasis::FirstPacket);
}

#[test]
fn flags_of_other_transports_say_nothing() {
    let mut entry = opened(&udp(CLIENT, 5));
    let mut odd = udp(SERVER, 6);
    odd.packet.tcp_flags = tcp::RST | SYN;
    assert_eq!(entry.observe::<Owned>(&odd), Outcome::Counted);
    assert_eq!((entry.opener(), entry.ended), (CLIENT, 0));
}

#[test]
fn a_flow_has_ended_with_fin_both_ways_or_one_reset() {
    let half = conversation(&[(CLIENT, SYN, 1), (CLIENT, FIN_ACK, 2), (SERVER, ACK, 3)]);
    assert_eq!(half.ended, 0);
    let mut both = half;
    both.observe::<Owned>(&seen(SERVER, FIN_ACK, 4));
    assert_eq!(both.ended, 4);
    both.observe::<Owned>(&seen(CLIENT, ACK, 5));
    assert_eq!((both.ended, both.last), (4, 5), "the linger starts once");
    let reset = conversation(&[(CLIENT, SYN, 1), (SERVER, tcp::RST | ACK, 2)]);
    assert_eq!(reset.ended, 2);
}

#[test]
fn a_new_syn_in_the_linger_closes_the_flow_and_is_not_its_packet() {
    let mut entry = conversation(&[(CLIENT, SYN, 1), (SERVER, tcp::RST | ACK, 2)]);
    let before = entry.counts();
    assert_eq!(entry.observe::<Owned>(&seen(CLIENT, SYN, 3)), Outcome::Late);
    assert_eq!(entry.state, state::CLOSING);
    assert_eq!((entry.counts(), entry.last), (before, 2));
    let acknowledged = entry.observe::<Owned>(&seen(CLIENT, ACK, 4));
    assert_eq!(acknowledged, Outcome::Late, "nobody adds to it any more");
}

#[test]
fn trailing_segments_in_the_linger_still_count() {
    let mut entry = conversation(&[(CLIENT, SYN, 1), (SERVER, tcp::RST | ACK, 2)]);
    for flags in [ACK, FIN_ACK, tcp::RST, SYN_ACK] {
        assert_eq!(
            entry.observe::<Owned>(&seen(SERVER, flags, 3)),
            Outcome::Counted
        );
    }
    assert_eq!(entry.counts(), [tally(1), tally(5)]);
}

#[test]
fn a_syn_before_the_end_is_a_retransmission() {
    let entry = conversation(&[(CLIENT, SYN, 1), (CLIENT, SYN, 2)]);
    assert_eq!(entry.counts(), [tally(2), tally(0)]);
}

#[test]
fn another_interface_does_not_add() {
    let mut entry = opened(&seen(CLIENT, SYN, 1));
    let elsewhere = Observation {
        ifindex: 8,
        ..seen(SERVER, SYN_ACK, 2)
    };
    assert_eq!(entry.observe::<Owned>(&elsewhere), Outcome::OtherInterface);
    assert_eq!(entry.counts(), [tally(1), tally(0)]);
}

#[test]
fn a_packet_with_an_older_time_does_not_turn_the_clock_back() {
    let entry = conversation(&[(CLIENT, SYN, 9), (SERVER, SYN_ACK, 8)]);
    assert_eq!((entry.first, entry.last), (9, 9));
}

#[test]
fn a_super_packet_counts_as_its_segments() {
    let mut entry = opened(&seen(CLIENT, SYN, 1));
    let wire = Tally {
        packets: 20,
        bytes: 20 * 1514,
    };
    let many = Observation {
        wire,
        ..seen(CLIENT, ACK, 2)
    };
    entry.observe::<Owned>(&many);
    assert_eq!(entry.counts()[0], tally(1).plus(wire));
}

#[test]
fn opener_and_answer_have_windows_of_their_own_size() {
    let entry = opened(&seen(CLIENT, SYN, 1));
    assert_eq!(entry.window_limit(CLIENT), WINDOW_OPENER);
    assert_eq!(entry.window_limit(SERVER), WINDOW_RESPONDER);
}

mod window {
    use super::*;

    fn segment(sequence: u32) -> Packet {
        Packet {
            protocol: protocol::TCP,
            tcp_flags: ACK,
            sequence,
            ..Packet::default()
        }
    }

    fn datagram() -> Packet {
        Packet {
            protocol: protocol::UDP,
            ..Packet::default()
        }
    }

    /// Opened by a SYN with this sequence number.
    fn after_syn(sequence: u32) -> Window {
        let mut window = Window::default();
        let syn = Packet {
            tcp_flags: SYN,
            ..segment(sequence)
        };
        assert_eq!(window.admit(&syn, 0, 4096), None);
        window
    }

    fn piece(offset: i32, take: u32) -> Option<Piece> {
        Some(Piece { offset, take })
    }

    #[test]
    fn offset_zero_is_the_byte_behind_the_syn() {
        let mut window = after_syn(1000);
        assert_eq!(window.admit(&segment(1001), 10, 4096), piece(0, 10));
        assert_eq!(window.admit(&segment(1011), 5, 4096), piece(10, 5));
        assert_eq!((window.segments, window.done), (2, 0));
    }

    #[test]
    fn data_on_the_syn_itself_starts_at_zero() {
        let mut window = Window::default();
        let fast_open = Packet {
            tcp_flags: SYN,
            ..segment(1000)
        };
        assert_eq!(window.admit(&fast_open, 10, 4096), piece(0, 10));
        assert_eq!(window.admit(&segment(1011), 5, 4096), piece(10, 5));
    }

    #[test]
    fn mid_stream_the_first_segment_is_offset_zero() {
        let mut window = Window::default();
        assert_eq!(window.admit(&segment(77), 10, 4096), piece(0, 10));
        assert_eq!(window.admit(&segment(87), 10, 4096), piece(10, 10));
    }

    #[test]
    fn sequence_numbers_wrap() {
        let mut window = after_syn(u32::MAX - 4);
        assert_eq!(window.admit(&segment(u32::MAX - 3), 10, 4096), piece(0, 10));
        assert_eq!(window.admit(&segment(6), 10, 4096), piece(10, 10));
    }

    #[test]
    fn what_lies_before_the_window_is_no_piece_unless_it_reaches_in() {
        let mut window = after_syn(1000);
        assert_eq!(window.admit(&segment(991), 10, 4096), None);
        assert_eq!((window.segments, window.done), (0, 0));
        assert_eq!(window.admit(&segment(991), 25, 4096), piece(-10, 25));
    }

    #[test]
    fn segments_out_of_order_keep_their_places() {
        let mut window = after_syn(1000);
        assert_eq!(window.admit(&segment(1501), 500, 4096), piece(500, 500));
        assert_eq!(window.admit(&segment(1001), 500, 4096), piece(0, 500));
    }

    #[test]
    fn the_latch_closes_with_the_eighth_segment() {
        let mut window = after_syn(1000);
        for number in 0..8 {
            assert_eq!(window.done, 0, "{number}");
            let next = segment(1001 + number);
            assert_eq!(window.admit(&next, 1, 4096), piece(number as i32, 1));
        }
        assert_eq!(window.done, 1);
        assert_eq!(window.admit(&segment(1009), 1, 4096), None);
        assert_eq!(window.segments, WINDOW_SEGMENTS);
    }

    #[test]
    fn segments_without_payload_never_close_the_latch() {
        let mut window = after_syn(1000);
        for _ in 0..100 {
            assert_eq!(window.admit(&segment(1001), 0, 4096), None);
        }
        assert_eq!((window.segments, window.done), (0, 0));
    }

    #[test]
    fn the_latch_closes_at_the_first_byte_past_the_window() {
        let mut exact = after_syn(1000);
        assert_eq!(exact.admit(&segment(1001), 4096, 4096), piece(0, 4096));
        assert_eq!(exact.done, 0, "the last byte that fits is not past it");
        let mut past = after_syn(1000);
        assert_eq!(past.admit(&segment(1001), 4097, 4096), piece(0, 4096));
        assert_eq!(past.done, 1);
        let mut across = after_syn(1000);
        assert_eq!(across.admit(&segment(4001), 1448, 4096), piece(3000, 1096));
        assert_eq!(across.done, 1);
        let mut behind = after_syn(1000);
        assert_eq!(behind.admit(&segment(1001 + 4096), 1, 4096), None);
        assert_eq!(behind.done, 1);
    }

    #[test]
    fn datagrams_follow_each_other() {
        let mut window = Window::default();
        assert_eq!(window.admit(&datagram(), 100, 2048), piece(0, 100));
        assert_eq!(window.admit(&datagram(), 0, 2048), None);
        assert_eq!(window.admit(&datagram(), 1900, 2048), piece(100, 1900));
        assert_eq!(window.admit(&datagram(), 1900, 2048), piece(2000, 48));
        assert_eq!(window.done, 1);
    }

    #[test]
    fn a_closed_window_takes_nothing() {
        let mut window = Window::CLOSED;
        assert_eq!(window.admit(&segment(1), 10, 4096), None);
        assert_eq!(window, Window::CLOSED);
    }

    proptest! {
        #[test]
        fn a_piece_never_passes_the_window(
            segments in prop::collection::vec((any::<u32>(), 0_u32..70_000, any::<u8>()), 1..40),
            near in any::<bool>(),
        ) {
            let mut window = Window::default();
            let mut taken = 0;
            for (sequence, payload, flags) in segments {
                let sequence = if near { sequence % 8192 } else { sequence };
                let packet = Packet { tcp_flags: flags, ..segment(sequence) };
                let Some(piece) = window.admit(&packet, payload, WINDOW_OPENER) else {
                    continue;
                };
                taken += 1;
                prop_assert!((1..=WINDOW_OPENER.min(payload)).contains(&piece.take));
                prop_assert!(i64::from(piece.offset) < i64::from(WINDOW_OPENER));
                prop_assert!(i64::from(piece.offset) + i64::from(payload) > 0);
            }
            prop_assert!(taken <= WINDOW_SEGMENTS);
        }
    }
}

mod sweeping {
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
}

mod absorbing {
    use super::*;

    fn seed(packets: &[(Side, u8, u64)]) -> FlowEntry {
        conversation(packets)
    }

    #[test]
    fn counters_and_flags_add_up_and_times_widen() {
        let mut entry = conversation(&[(CLIENT, ACK, 10), (SERVER, ACK, 20)]);
        entry.absorb::<Owned>(&seed(&[(SERVER, tcp::ACK | 0x08, 5), (CLIENT, ACK, 30)]));
        assert_eq!(entry.counts(), [tally(2), tally(2)]);
        assert_eq!((entry.first, entry.since, entry.last), (5, 5, 30));
        assert_eq!(entry.directions[SERVER.index()].flags, 0x18);
    }

    #[test]
    fn the_better_known_opener_stays() {
        let mut entry = conversation(&[(SERVER, ACK, 10)]);
        entry.absorb::<Owned>(&seed(&[(CLIENT, SYN, 5)]));
        assert_eq!((entry.opener(), basis(&entry)), (CLIENT, OpenerBasis::Syn));
        entry.absorb::<Owned>(&seed(&[(SERVER, ACK, 6)]));
        assert_eq!((entry.opener(), basis(&entry)), (CLIENT, OpenerBasis::Syn));
    }

    #[test]
    fn a_user_that_was_not_known_is_taken_over() {
        let mut entry = opened(&seen(CLIENT, ACK, 10));
        let mut late = opened(&seen(CLIENT, ACK, 11));
        late.user = 107;
        entry.absorb::<Owned>(&late);
        assert_eq!(entry.user, 107);
        late.user = 0;
        entry.absorb::<Owned>(&late);
        assert_eq!(entry.user, 107);
    }

    #[test]
    fn late_packets_can_end_the_flow() {
        let mut entry = conversation(&[(CLIENT, FIN_ACK, 10)]);
        entry.absorb::<Owned>(&seed(&[(SERVER, FIN_ACK, 11)]));
        assert_eq!(entry.ended, 11);
        assert_eq!(expiry::natural_end(&entry), End::Finished);
    }
}
