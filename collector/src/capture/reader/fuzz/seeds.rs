//! Captures that fuzzing starts from: one of each form.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use super::draft::{Draft, MICROSECONDS, MODIFIED, NANOSECONDS};
use crate::capture::reader::order::Order;

const FRAME: &[u8] = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x88\xb5an experimental ethertype";
const ORDERS: [Order; 2] = [Order::Little, Order::Big];

/// Small captures in every format, byte order, link type and compression.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = links().chain(pcaps()).chain(pcapngs()).collect();
    let plain = [seeds[0].clone(), seeds[seeds.len() - 1].clone()];
    for capture in &plain {
        seeds.push(gzip(capture));
        seeds.push(zstd(capture));
        let (first, second) = capture.split_at(capture.len() / 2);
        seeds.push([gzip(first), gzip(second)].concat());
        seeds.push([zstd(first), zstd(second)].concat());
    }
    seeds
}

/// A gzip member.
#[must_use]
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(bytes);
    written
        .and_then(|()| encoder.finish())
        .expect("memory does not fail")
}

/// A zstd frame with a checksum.
#[must_use]
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("level 1 exists");
    let checked = encoder.include_checksum(true);
    let written = checked.and_then(|()| encoder.write_all(bytes));
    written
        .and_then(|()| encoder.finish())
        .expect("memory does not fail")
}

fn pcaps() -> impl Iterator<Item = Vec<u8>> {
    let variants = [MICROSECONDS, NANOSECONDS].into_iter();
    let plain = variants.flat_map(|magic| ORDERS.map(|order| two_packets(order, magic, 1)));
    let modified = Draft::pcap(Order::Little, MODIFIED, 1)
        .u32s(&[1_700_000_000, 5, 4, 4, 0, 0])
        .raw(b"abcd");
    plain.chain([modified.bytes])
}

fn two_packets(order: Order, magic: u32, link_type: u16) -> Vec<u8> {
    Draft::pcap(order, magic, link_type)
        .packet((1_700_000_000, 999_999), FRAME, 1514)
        .packet((1_700_000_001, 0), &FRAME[..14], 14)
        .bytes
}

fn links() -> impl Iterator<Item = Vec<u8>> {
    let numbers = [
        0, 1, 9, 12, 14, 50, 51, 101, 104, 108, 113, 192, 228, 229, 276,
    ];
    numbers
        .into_iter()
        .map(|number| two_packets(Order::Little, MICROSECONDS, number))
}

fn pcapngs() -> impl Iterator<Item = Vec<u8>> {
    ORDERS.into_iter().map(|order| {
        let offset = [0, 0, 0, 0, 0, 0, 0, 1];
        let clock: &[(u16, &[u8])] = &[(9, &[0x80 | 20]), (14, &offset), (0, &[])];
        Draft::pcapng(order)
            .interface(1, 20, &[(2, b"eth0"), (9, &[9])])
            .interface(101, 0, clock)
            .enhanced(0, 1_700_000_000_000_000_000, FRAME, 1514)
            .simple(&FRAME[..20], 39)
            .block(5, &[0; 12])
            .section(Order::Big)
            .interface(113, 0, &[])
            .obsolete(0, 1_700_000_000_000_000, FRAME, 39)
            .bytes
    })
}
