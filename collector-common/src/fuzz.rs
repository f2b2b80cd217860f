//! What hostile packets are held to, from headers to counters. The fuzzer (`fuzz/`) calls
//! [`packet_path`] with bytes of its own; tests call it with seeds and with cases that were found.

mod seeds;

pub use seeds::seeds;

use crate::{
    books::Hook,
    flow::{FlowEntry, NO_USER, Observation, Outcome, Owned, WINDOW_SEGMENTS, Window, state},
    key::{FlowKey, Side},
    packet::{Bytes, Link, Packet, Refusal, parse, parse_into},
    settings::{SECOND, Sweep, Timeouts},
    tunnel,
    wire::{Buffer, Tally},
};

/// One frame through parser, key, windows, update and sweep. The first byte chooses the link (bit
/// 0) and where the frame is cut for a second reading (the rest); the others are the frame, whose
/// bytes also say what follows in its flow.
///
/// # Panics
/// Where a rule of the packet path is broken.
pub fn packet_path(data: &[u8]) {
    let Some((&choice, frame)) = data.split_first() else {
        return;
    };
    let link = if choice & 1 == 0 {
        Link::Ethernet
    } else {
        Link::Ip
    };
    let parsed = parse(frame, link);
    readers_agree(frame, link, &parsed, usize::from(choice >> 1));
    if let Ok(packet) = parsed {
        let payload = lengths_fit(frame, &packet);
        let side = key_has_one_order(&packet);
        flow_adds_up(&packet, side, payload, frame);
    }
}

/// The kernel's first reader, which leaves rare headers alone.
struct Hurried<'a>(&'a [u8]);

impl Bytes for Hurried<'_> {
    const HURRIED: bool = true;

    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.0.read(offset)
    }
}

/// Fewer bytes, a used packet or a reader in a hurry give the same or ask for more, never another
/// packet.
fn readers_agree(frame: &[u8], link: Link, parsed: &Result<Packet, Refusal>, cut: usize) {
    let agrees = |other: Result<Packet, Refusal>| other == *parsed || other == Err(Refusal::Short);
    assert!(agrees(parse(&frame[..cut.min(frame.len())], link)));
    assert!(agrees(parse(&Hurried(frame), link)));
    let mut used = Packet {
        source_port: 1,
        tcp_flags: 0xff,
        payload: 7,
        jumbo_header: true,
        ..Packet::default()
    };
    let again = parse_into(frame, link, &mut used).map(|()| used);
    assert_eq!(again, *parsed);
}

/// Payload bytes, which lie in the frame; the segments of a super-packet, too.
fn lengths_fit(frame: &[u8], packet: &Packet) -> u32 {
    let len = u32::try_from(frame.len()).expect("frames are short");
    assert!(matches!(packet.version, 4 | 6));
    let payload = packet.payload_in(len);
    assert!(payload == 0 || packet.payload + payload <= len);
    let header = tunnel::header_len(frame, packet);
    assert!(header >= packet.payload, "inner headers come behind outer");
    let buffer = Buffer {
        len,
        gso_size: 1 + u32::from(packet.source_port),
        gso_segs: u32::from(packet.destination_port),
        ..Buffer::default()
    };
    let wire = buffer.segmented(header, packet.jumbo_header);
    assert!(wire.packets > 0);
    payload
}

/// The sender's side; both directions have the same key, first endpoint first.
fn key_has_one_order(packet: &Packet) -> Side {
    let (key, side) = FlowKey::of(packet);
    let back = Packet {
        source: packet.destination,
        destination: packet.source,
        source_port: packet.destination_port,
        destination_port: packet.source_port,
        ..*packet
    };
    let (same, other) = FlowKey::of(&back);
    let is_loop = key.address[0] == key.address[1] && key.port[0] == key.port[1];
    assert!(key == same && (is_loop || side == other.other()));
    assert_eq!(key.reserved, [0; 2]);
    side
}

/// A flow of this packet and of what each 8 bytes of its frame make of it.
fn flow_adds_up(packet: &Packet, side: Side, payload: u32, frame: &[u8]) {
    let first = observation(packet, side, [0; 8]);
    let mut entry = FlowEntry::opened_by(&first, 1, NO_USER);
    let mut books = Tracked::default();
    step(&mut entry, &mut books, &first, payload);
    let mut pass = 0;
    for &turn in frame.as_chunks::<8>().0.iter().take(64) {
        let seen = observation(packet, side, turn);
        let payload = u32::from(u16::from_le_bytes([turn[6], turn[7]]));
        step(&mut entry, &mut books, &seen, payload);
        if turn[0] & 0x04 != 0 {
            pass += 1;
            sweep(&mut entry, &mut books, pass, seen.now);
        }
    }
}

/// The same packet with another sender, flags, sequence and time.
fn observation(packet: &Packet, side: Side, turn: [u8; 8]) -> Observation {
    let [choice, flags, step, second, sequence @ ..] = turn;
    let mut packet = *packet;
    packet.tcp_flags ^= flags;
    packet.sequence ^= u32::from_le_bytes(sequence);
    Observation {
        packet,
        side: if choice & 1 == 0 { side } else { side.other() },
        wire: Tally {
            packets: 1 + u64::from(choice >> 4),
            bytes: u64::from(u32::from_le_bytes(sequence)),
        },
        now: SECOND * (1 + u64::from(u16::from_le_bytes([step, second]))),
        hook: if choice & 2 != 0 {
            Hook::Ingress
        } else {
            Hook::Capture
        },
        ifindex: u32::from(choice & 8 != 0),
    }
}

/// What was counted and what went into records.
#[derive(Default)]
struct Tracked {
    counted: Tally,
    written: Tally,
    cut: Option<Tally>,
}

/// One packet: in the flow's counters or not at all, and its sample inside the window.
fn step(entry: &mut FlowEntry, books: &mut Tracked, seen: &Observation, payload: u32) {
    let before = *entry;
    match entry.observe::<Owned>(seen) {
        Outcome::Counted => {
            books.counted = books.counted.plus(seen.wire);
            assert_eq!(entry.ifindex, seen.ifindex);
            assert!(entry.last >= before.last && entry.basis >= before.basis);
            assert!(before.ended == 0 || entry.ended == before.ended);
        }
        Outcome::Late => {
            let closing = state::CLOSING | before.state;
            assert_eq!(
                *entry,
                FlowEntry {
                    state: closing,
                    ..before
                }
            );
        }
        Outcome::OtherInterface => assert_eq!(*entry, before),
    }
    let limit = entry.window_limit(seen.side);
    let window = &mut entry.directions[seen.side.index()].window;
    sample_fits(window, &seen.packet, payload, limit);
    let total = entry.directions[0].tally.plus(entry.directions[1].tally);
    assert_eq!(total, books.counted);
}

fn sample_fits(window: &mut Window, packet: &Packet, payload: u32, limit: u32) {
    let before = *window;
    let piece = window.admit(packet, payload, limit);
    assert!(window.segments <= WINDOW_SEGMENTS && window.done >= before.done);
    if let Some(piece) = piece {
        assert!(before.done == 0 && (1..=payload.min(limit)).contains(&piece.take));
        assert!(i64::from(piece.offset) + i64::from(piece.take) <= i64::from(limit));
        assert!(i64::from(piece.offset) + i64::from(payload) > 0);
    }
}

/// A visit that commits the cut before it: what is counted is written, due or live.
fn sweep(entry: &mut FlowEntry, books: &mut Tracked, pass: u64, now: u64) {
    let was_closed = books.cut.is_none() && entry.is_closing();
    let sweep = Sweep {
        now,
        pass,
        since: 1,
        committed: pass - 1,
        all: 0,
        visits: 1,
        timeouts: Timeouts::DEFAULT,
    };
    if let Some(cut) = books.cut.take() {
        books.written = books.written.plus(cut);
    }
    let is_due = entry.visit::<Owned>(&sweep, || true);
    assert!(is_due || !was_closed, "a closed flow stays due");
    let [opener, responder] = entry.counts();
    if is_due && entry.state & state::CUT != 0 {
        books.cut = Some(opener.plus(responder));
    }
    let due = books.cut.unwrap_or_default();
    assert_eq!(
        books.written.plus(due).plus(entry.unwritten()),
        books.counted
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_seed_is_a_packet() {
        for seed in seeds() {
            let link = [Link::Ethernet, Link::Ip][usize::from(seed[0])];
            assert!(parse(&seed[1..], link).is_ok(), "{seed:02x?}");
        }
    }

    proptest! {
        #[test]
        fn no_change_to_a_packet_breaks_a_rule_of_the_packet_path(
            mut seed in proptest::sample::select(seeds()),
            changes in proptest::collection::vec(any::<(prop::sample::Index, u8)>(), 0..8),
            cut in any::<u8>(),
        ) {
            for (place, byte) in changes {
                *place.get_mut(&mut seed) = byte;
            }
            seed.truncate(seed.len().saturating_sub(usize::from(cut) / 8));
            packet_path(&seed);
        }
    }
}
