//! The way of one packet: parse, count as seen, find or open its flow, add, sample.

use aya_ebpf::helpers::bpf_get_smp_processor_id;
use collector_common::{
    books::{Books, Hook, Reason},
    event::{Late, SampleHeader},
    flow::{FlowEntry, Observation, Outcome},
    key::FlowKey,
    packet::{Refusal, protocol},
};

use crate::{
    frame::{Frame, headers},
    maps::{Atomic, books, clock, excluded, flows, late, samples, scratch},
    settings,
};

#[inline(always)]
pub fn meter<F: Frame>(frame: &F, hook: Hook) {
    let Some(books) = books::get() else { return };
    let Some(packet) = scratch::packet() else {
        return;
    };
    let parsed = headers(frame, settings::link(), packet);
    let wire = frame.wire(packet);
    books.see(hook, wire);
    match parsed {
        Ok(()) => {
            let (key, side) = FlowKey::of(packet);
            let ifindex = frame.ifindex();
            let now = clock::now();
            let seen = Observation {
                packet: *packet,
                side,
                wire,
                now,
                hook,
                ifindex,
            };
            add(frame, books, &key, &seen);
        }
        Err(Refusal::Reason(reason)) => books.refuse(reason, wire),
        Err(Refusal::Short) => books.refuse(Reason::Malformed, wire),
    }
}

#[inline(always)]
fn add<F: Frame>(frame: &F, books: &mut Books, key: &FlowKey, seen: &Observation) {
    let found = match flows::find(key) {
        None if excluded::covers(key) => {
            return books.refuse(Reason::Excluded, seen.wire);
        }
        None => open(frame, books, key, seen),
        found => found,
    };
    let Some(entry) = found else {
        return late::overflow(books, late_record(frame, key, seen));
    };
    match entry.observe::<Atomic>(seen) {
        Outcome::Counted => sample(frame, books, entry, seen),
        Outcome::Late => late::send(books, late_record(frame, key, seen)),
        Outcome::OtherInterface => books.refuse(Reason::OtherInterface, seen.wire),
    }
}

/// Makes the flow's entry; the packet is added by the common path afterwards, so a second CPU
/// that does the same at once adds to the one entry.
#[inline(always)]
fn open<F: Frame>(
    frame: &F,
    books: &mut Books,
    key: &FlowKey,
    seen: &Observation,
) -> Option<&'static mut FlowEntry> {
    let scratch = scratch::entry()?;
    let id = next_id(books);
    scratch.reopen(seen, id, frame.user());
    if !flows::ensure(key, scratch) {
        return None;
    }
    flows::find(key)
}

/// Unique while the table lives: the CPU in the upper 16 bits, its count below.
#[inline(always)]
fn next_id(books: &mut Books) -> u64 {
    books.flows += 1;
    (u64::from(cpu()) << 48) | books.flows
}

#[inline(always)]
fn cpu() -> u32 {
    // SAFETY: the helper takes nothing and returns a number.
    unsafe { bpf_get_smp_processor_id() }
}

#[inline(always)]
fn late_record<F: Frame>(frame: &F, key: &FlowKey, seen: &Observation) -> Late {
    Late {
        key: *key,
        now: seen.now,
        wire: seen.wire,
        ifindex: seen.ifindex,
        user: frame.user(),
        cpu: cpu(),
        sequence: seen.packet.sequence,
        tcp_flags: seen.packet.tcp_flags,
        side: seen.side as u8,
        hook: seen.hook as u8,
        ..Late::default()
    }
}

#[inline(always)]
fn sample<F: Frame>(frame: &F, books: &mut Books, entry: &mut FlowEntry, seen: &Observation) {
    let packet = &seen.packet;
    if !settings::sampling() || !matches!(packet.protocol, protocol::TCP | protocol::UDP) {
        return;
    }
    let limit = entry.window_limit(seen.side);
    let slot = &mut entry.directions[seen.side.index()].window;
    if slot.done != 0 {
        return;
    }
    let mut window = *slot;
    let payload = packet.payload_in(frame.len());
    let piece = window.admit_piece(packet, payload, limit);
    *slot = window;
    if piece.take > 0 {
        let header = SampleHeader::of(entry, seen, payload, piece);
        samples::send(books, frame, packet.payload, &header);
    }
}
