use super::*;

#[test]
fn both_byte_orders_and_both_units_of_time_are_read() {
    for order in ORDERS {
        for (magic, time) in [
            (MICROSECONDS, 7 * SECOND + 5_000),
            (NANOSECONDS, 7 * SECOND + 5),
        ] {
            let capture = Draft::pcap(order, magic, 1)
                .packet((7, 5), b"first", 5)
                .packet((7, 5), b"second one", 10);
            let expected = [b"first".as_slice(), b"second one"];
            assert_eq!(
                frames(&capture.bytes),
                expected.map(|bytes| Seen::ethernet(time, bytes)),
                "{order:?} {magic:x}"
            );
        }
    }
}

#[test]
fn the_modified_format_has_longer_packet_headers() {
    for order in ORDERS {
        let capture = Draft::pcap(order, MODIFIED, 1)
            .u32s(&[7, 5, 3, 3, 0xffff_ffff, 0xffff_ffff])
            .raw(b"abc");
        let expected = [Seen::ethernet(7 * SECOND + 5_000, b"abc")];
        assert_eq!(frames(&capture.bytes), expected, "{order:?}");
    }
}

#[test]
fn the_wire_length_is_the_captures_and_at_least_what_it_holds() {
    let capture = Draft::pcap(Order::Little, MICROSECONDS, 1)
        .packet((0, 0), b"short", 1514)
        .packet((0, 0), b"claims less", 3)
        .packet((0, 0), b"", 0);
    let seen = frames(&capture.bytes);
    let lengths: Vec<u32> = seen.iter().map(|frame| frame.original_len).collect();
    assert_eq!(lengths, [1514, 11, 0]);
}

#[test]
fn the_latest_time_of_the_format_is_read() {
    let capture = Draft::pcap(Order::Little, MICROSECONDS, 1).packet((u32::MAX, u32::MAX), b"x", 1);
    let time = u64::from(u32::MAX) * (SECOND + 1000);
    assert_eq!(frames(&capture.bytes)[0].time, time);
}

#[test]
fn the_length_of_a_frame_check_sequence_is_no_link_type() {
    let mut capture = Draft::pcap(Order::Little, MICROSECONDS, 1).packet((0, 0), b"x", 1);
    capture.bytes[23] = 0x24;
    assert_eq!(frames(&capture.bytes)[0].link, FrameLink::Ethernet);
}

#[test]
fn a_capture_without_packets_ends_at_once() {
    assert_eq!(frames(&Draft::pcap(Order::Big, MICROSECONDS, 1).bytes), []);
}

#[test]
fn a_packet_longer_than_the_buffer_is_read_whole() {
    let long: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
    let capture = Draft::pcap(Order::Little, MICROSECONDS, 1)
        .packet((1, 0), &long, 200_000)
        .packet((2, 0), b"next", 4);
    let expected = [
        Seen::ethernet(SECOND, &long),
        Seen::ethernet(2 * SECOND, b"next"),
    ];
    assert_eq!(frames(&capture.bytes), expected);
}
