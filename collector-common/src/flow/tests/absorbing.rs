//! Late packets that come home.

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
