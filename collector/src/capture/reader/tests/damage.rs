use std::io::{self, Read};

use super::*;

fn two_packets() -> Vec<u8> {
    Draft::pcap(Order::Little, NANOSECONDS, 1)
        .packet((0, 1), b"first", 5)
        .packet((0, 2), b"second", 6)
        .bytes
}

fn two_blocks() -> Vec<u8> {
    Draft::pcapng(Order::Little)
        .interface(1, 0, &[(9, &[9])])
        .enhanced(0, 1, b"first", 5)
        .enhanced(0, 2, b"second", 6)
        .bytes
}

/// Where items of [`two_packets`] and [`two_blocks`] end, and how many packets are before it.
const ENDS_OF_PACKETS: [(usize, usize); 3] = [(24, 0), (45, 1), (67, 2)];
const ENDS_OF_BLOCKS: [(usize, usize); 4] = [(28, 0), (56, 0), (96, 1), (136, 2)];

/// Cuts a capture at every byte: the end of an item is an end, everywhere else is damage that
/// starts where the last item ended.
fn cut_everywhere(capture: &[u8], ends: &[(usize, usize)], compress: fn(&[u8]) -> Vec<u8>) {
    assert_eq!(ends.last().unwrap().0, capture.len());
    for len in 4..=capture.len() {
        let (seen, errors) = read(captures(&compress(&capture[..len])));
        let before = ends.iter().rev().find(|(end, _)| *end <= len);
        let &(end, packets) = before.unwrap_or(&(0, 0));
        assert_eq!(seen.len(), packets, "{len} bytes");
        if end == len {
            assert!(errors.is_empty(), "{len} bytes: {errors:?}");
            continue;
        }
        let [error] = &errors[..] else {
            panic!("{len} bytes: {errors:?}");
        };
        assert_eq!(error.offset, end as u64, "{len} bytes");
        let Damage::Cut { have, need, .. } = error.damage else {
            panic!("{len} bytes: {error}");
        };
        assert!(have == len - end && have < need, "{len} bytes: {error}");
    }
}

#[test]
fn a_capture_cut_anywhere_gives_what_is_before_the_cut() {
    cut_everywhere(&two_packets(), &ENDS_OF_PACKETS, <[u8]>::to_vec);
    cut_everywhere(&two_blocks(), &ENDS_OF_BLOCKS, <[u8]>::to_vec);
}

#[test]
fn a_cut_is_the_same_behind_compression() {
    cut_everywhere(&two_packets(), &ENDS_OF_PACKETS, gzip);
    cut_everywhere(&two_blocks(), &ENDS_OF_BLOCKS, zstd);
}

#[test]
fn a_compressed_capture_cut_anywhere_is_damaged() {
    for compressed in [gzip(&two_packets()), zstd(&two_packets())] {
        for len in 4..compressed.len() {
            let (seen, _, damage) = damaged(&compressed[..len]);
            assert!(matches!(damage, Damage::Compression(_)), "{len}: {damage}");
            assert_eq!(seen[..], frames(&two_packets())[..seen.len()]);
        }
    }
}

#[test]
fn what_a_cut_compressed_capture_holds_is_read() {
    let packet = [7; 1000];
    let mut draft = Draft::pcap(Order::Little, MICROSECONDS, 1);
    for number in 0..1000_u32 {
        let random = number.wrapping_mul(0x9e37_79b9).to_le_bytes();
        draft = draft.packet((number, 0), &[&random[..], &packet].concat(), 1004);
    }
    for compressed in [gzip(&draft.bytes), zstd(&draft.bytes)] {
        let (seen, _, _) = damaged(&compressed[..compressed.len() - 9]);
        assert!(seen.len() > 800, "{} of 1,000", seen.len());
    }
}

#[test]
fn what_is_before_a_damaged_member_or_frame_is_read() {
    for compress in [gzip, zstd] {
        let mut damaged_part = compress(b"more");
        damaged_part[3] ^= 0xe0; // flags that gzip reserves; zstd's magic
        let (seen, offset, damage) = damaged(&[compress(&two_packets()), damaged_part].concat());
        assert!(matches!(damage, Damage::Compression(_)), "{damage}");
        assert_eq!((seen, offset), (frames(&two_packets()), 67));
    }
}

#[test]
fn damage_inside_a_compressed_capture_is_found() {
    for compressed in [gzip(&two_packets()), zstd(&two_packets())] {
        let mut changed = compressed.clone();
        let last = changed.len() - 1;
        changed[last] ^= 1; // length or checksum
        let (_, _, damage) = damaged(&changed);
        assert!(matches!(damage, Damage::Compression(_)), "{damage}");
    }
}

#[test]
fn an_empty_capture_says_so() {
    for empty in [vec![], gzip(b""), zstd(b"")] {
        assert!(matches!(damaged(&empty), (_, 0, Damage::Empty)));
    }
}

#[test]
fn another_kind_of_file_says_so() {
    for other in [
        b"x".to_vec(),
        b"{\"v\":1}\n".to_vec(),
        vec![0; 100],
        gzip(b"text, compressed"),
        zstd(b"text, compressed"),
    ] {
        assert!(matches!(damaged(&other), (_, 0, Damage::NoCapture)));
    }
}

#[test]
fn a_version_that_is_not_known_is_not_guessed_at() {
    let mut older = two_packets();
    older[4] = 3;
    let (_, offset, damage) = damaged(&older);
    assert!(matches!(damage, Damage::Version { major: 3, minor: 4 }));
    assert_eq!(offset, 0);
    let mut newer = two_blocks();
    newer[12] = 2;
    let (_, _, damage) = damaged(&newer);
    assert!(matches!(damage, Damage::Version { major: 2, minor: 0 }));
}

#[test]
fn a_packet_beyond_any_bound_is_damage() {
    let absurd = Draft::pcap(Order::Little, MICROSECONDS, 1)
        .packet((0, 0), b"good", 4)
        .u32s(&[0, 0, (256 << 10) + 1, 60])
        .raw(&[0; 300_000]);
    let (seen, offset, damage) = damaged(&absurd.bytes);
    assert_eq!((seen.len(), offset), (1, 44));
    let Damage::PacketLength { len, most } = damage else {
        panic!("{damage}");
    };
    assert_eq!((len, most), ((256 << 10) + 1, 256 << 10));
}

#[test]
fn the_files_snap_length_raises_the_bound_up_to_sixteen_mebibytes() {
    for (snap_len, most) in [(300 << 10, 300 << 10), (u32::MAX, 16 << 20)] {
        let mut capture = Draft::pcap(Order::Little, MICROSECONDS, 1);
        capture.bytes[16..20].copy_from_slice(&u32::to_le_bytes(snap_len));
        let long = vec![0; most as usize];
        let good = capture.clone().packet((0, 0), &long, most);
        assert_eq!(frames(&good.bytes).len(), 1);
        let (_, _, damage) = damaged(&capture.u32s(&[0, 0, most + 1, 60]).bytes);
        assert!(matches!(damage, Damage::PacketLength { .. }), "{damage}");
    }
}

#[test]
fn a_packet_longer_than_its_block_is_damage() {
    for kind in [2, 6] {
        let body = [0, 0, 0, 0, 5, 0]; // interface, time, captured length, wire length: 5 of 4
        let body: Vec<u8> = body.into_iter().flat_map(u32::to_le_bytes).collect();
        let mut capture = Draft::pcapng(Order::Little).interface(1, 0, &[]).bytes;
        let offset = capture.len() as u64;
        capture = Draft::pcapng(Order::Little)
            .interface(1, 0, &[])
            .block(kind, &body[..])
            .bytes;
        let changed = offset as usize + 8 + 12;
        capture[changed] = 5;
        let (_, at, damage) = damaged(&capture);
        assert_eq!(at, offset);
        assert!(matches!(damage, Damage::PacketLength { len: 5, most: 4 }));
    }
}

#[test]
fn blocks_whose_length_can_not_be_are_damage() {
    for len in [0, 8, 11, 13, 30, (16 << 20) + 4, u32::MAX] {
        let capture = Draft::pcapng(Order::Big).u32s(&[5, len, 0, 0, 0, len]);
        let (_, offset, damage) = damaged(&capture.bytes);
        assert_eq!(offset, 28, "{len}");
        assert!(matches!(damage, Damage::BlockLength { .. }), "{damage}");
    }
}

#[test]
fn blocks_without_room_for_their_fields_are_damage() {
    let section = Draft::pcapng(Order::Big).interface(1, 0, &[]);
    for (kind, len) in [(1, 4), (2, 16), (3, 0), (6, 16), (0x0a0d_0d0a, 12)] {
        let body = [0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let capture = section.clone().block(kind, &body[..len]);
        let (_, offset, damage) = damaged(&capture.bytes);
        assert_eq!(offset, 48, "{kind}");
        assert!(matches!(damage, Damage::BlockLength { .. }), "{damage}");
    }
}

#[test]
fn a_block_ends_with_the_length_it_began_with() {
    let mut capture = two_blocks();
    let last = capture.len() - 4;
    capture[last] ^= 4;
    let (seen, offset, damage) = damaged(&capture);
    assert_eq!((seen.len(), offset), (1, 96));
    assert!(matches!(damage, Damage::BlockEnd { start: 40, end: 44 }));
}

#[test]
fn a_section_without_a_byte_order_is_damage() {
    let mut capture = two_blocks();
    capture[8] ^= 1;
    assert!(matches!(damaged(&capture), (_, 0, Damage::ByteOrder)));
}

#[test]
fn options_that_do_not_fit_are_damage_because_the_clock_is_not_known() {
    let section = || Draft::pcapng(Order::Little);
    let head = [1, 0, 0, 0, 0, 0, 0, 0];
    for options in [&[9, 0, 5, 0, 1, 0, 0, 0][..], &[2, 0, 255, 255]] {
        let capture = section().block(1, &[&head, options].concat());
        assert!(matches!(damaged(&capture.bytes), (_, 28, Damage::Options)));
    }
    for option in [(9_u16, &[6, 6][..]), (14, &[0; 4])] {
        let capture = section().interface(1, 0, &[option]);
        assert!(matches!(damaged(&capture.bytes), (_, 28, Damage::Options)));
    }
}

#[test]
fn interfaces_are_bounded() {
    let mut capture = Draft::pcapng(Order::Little);
    for _ in 0..65_536 {
        capture = capture.interface(1, 0, &[]);
    }
    let full = capture.enhanced(65_535, 1, b"x", 1);
    assert_eq!(frames(&full.bytes).len(), 1);
    let (_, _, damage) = damaged(&full.interface(1, 0, &[]).bytes);
    assert!(matches!(damage, Damage::Interfaces { most: 65_536 }));
}

#[test]
fn memory_grows_with_what_is_there_and_not_with_what_is_claimed() {
    let mut claims = Draft::pcap(Order::Little, MICROSECONDS, 1);
    claims.bytes[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
    let claims = claims.u32s(&[0, 0, 16 << 20, 60]).raw(&[0; 100]);
    let mut captures = captures(&claims.bytes);
    assert!(captures.next().is_err());
    assert!(captures.buffer.len() < 1024, "{}", captures.buffer.len());
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is gone"))
    }
}

#[test]
fn a_read_that_fails_says_where_and_why() {
    let broken = io::Cursor::new(two_packets()[..50].to_vec()).chain(Broken);
    let source = Source::reader("a.pcap", broken);
    let (seen, errors) = read(Captures::with_buffer(vec![source], 64));
    assert_eq!(seen.len(), 1);
    assert_eq!(
        errors[0].to_string(),
        "a.pcap: damaged at byte 45; what is before it was read, the rest is not: \
         reading failed: the disk is gone"
    );
}

#[test]
fn behind_a_damaged_capture_the_next_one_is_read() {
    let source = |name, bytes: &[u8]| Source::reader(name, Cursor::new(bytes.to_vec()));
    let (good, cut) = (two_packets(), &two_packets()[..60]);
    let sources = vec![
        source("good", &good),
        source("cut", cut),
        source("no capture", b"text"),
        source("again", &good),
    ];
    let (seen, errors) = read(Captures::new(sources));
    assert_eq!(seen.len(), 2 + 1 + 2);
    let names: Vec<&str> = errors.iter().map(|error| error.name.as_str()).collect();
    assert_eq!(names, ["cut", "no capture"]);
}
