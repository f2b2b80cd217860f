//! The update rule, packet by packet.

use proptest::prelude::*;

use super::*;
use crate::settings::{SECOND, Timeouts};

mod absorbing;
mod sweeping;
mod window;

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
        since: 1,
        committed: 0,
        all: 0,
        visits: 1,
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
        hook: Hook::Capture,
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
