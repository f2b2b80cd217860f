use super::*;

const RESOLUTION: u16 = 9;
const OFFSET: u16 = 14;
const END: (u16, &[u8]) = (0, &[]);

#[test]
fn sections_of_different_byte_order_follow_each_other() {
    for (first, second) in [(Order::Little, Order::Big), (Order::Big, Order::Little)] {
        let capture = Draft::pcapng(first)
            .interface(1, 0, &[END])
            .enhanced(0, 5, b"first", 5)
            .section(second)
            .interface(101, 0, &[END])
            .enhanced(0, 6, b"second", 6);
        let raw = Seen {
            link: FrameLink::Ip,
            ..Seen::ethernet(6_000, b"second")
        };
        let expected = [Seen::ethernet(5_000, b"first"), raw];
        assert_eq!(frames(&capture.bytes), expected, "{first:?}");
    }
}

#[test]
fn each_interface_has_its_own_link_type_and_clock() {
    for order in ORDERS {
        let offset = match order {
            Order::Little => 100_i64.to_le_bytes(),
            Order::Big => 100_i64.to_be_bytes(),
        };
        let capture = Draft::pcapng(order)
            .interface(1, 0, &[(2, b"eth0"), (RESOLUTION, &[9]), END])
            .interface(101, 0, &[(RESOLUTION, &[0x80 | 1]), (OFFSET, &offset), END])
            .interface(113, 0, &[])
            .enhanced(1, 3, b"\x45", 1)
            .enhanced(0, 3, b"frame", 5)
            .enhanced(2, 3, &[0; 16], 16);
        let seen = frames(&capture.bytes);
        let times: Vec<u64> = seen.iter().map(|frame| frame.time).collect();
        assert_eq!(times, [101 * SECOND + SECOND / 2, 3, 3_000], "{order:?}");
        let links: Vec<FrameLink> = seen.iter().map(|frame| frame.link).collect();
        let expected = [FrameLink::Ip, FrameLink::Ethernet, FrameLink::NotIp];
        assert_eq!(links, expected, "{order:?}");
    }
}

#[test]
fn options_behind_the_last_one_are_not_read() {
    let capture = Draft::pcapng(Order::Little)
        .interface(1, 0, &[END, (RESOLUTION, &[0])])
        .enhanced(0, 1, b"x", 1);
    assert_eq!(frames(&capture.bytes)[0].time, 1_000);
}

#[test]
fn a_simple_packet_is_cut_at_the_snap_length_and_has_the_time_before_it() {
    let capture = Draft::pcapng(Order::Big)
        .interface(1, 4, &[])
        .enhanced(0, 9, b"abcd", 4)
        .simple(b"cut!", 1514)
        .simple(b"ab", 2);
    let cut = Seen {
        original_len: 1514,
        ..Seen::ethernet(9_000, b"cut!")
    };
    let seen = frames(&capture.bytes);
    assert_eq!(seen[1..], [cut, Seen::ethernet(9_000, b"ab")]);
}

#[test]
fn a_simple_packet_without_a_snap_length_is_whole() {
    let capture = Draft::pcapng(Order::Little)
        .interface(1, 0, &[])
        .simple(b"whole", 5);
    assert_eq!(frames(&capture.bytes), [Seen::ethernet(0, b"whole")]);
}

#[test]
fn the_obsolete_packet_block_has_a_short_interface_number() {
    for order in ORDERS {
        let capture = Draft::pcapng(order)
            .interface(101, 0, &[])
            .interface(1, 0, &[])
            .obsolete(1, 7, b"old", 60);
        let expected = Seen {
            original_len: 60,
            ..Seen::ethernet(7_000, b"old")
        };
        assert_eq!(frames(&capture.bytes), [expected], "{order:?}");
    }
}

#[test]
fn blocks_of_other_types_are_passed() {
    let capture = Draft::pcapng(Order::Little)
        .block(0x8000_0001, &[7; 100])
        .interface(1, 0, &[])
        .block(5, &[])
        .enhanced(0, 1, b"x", 1)
        .block(10, &[0; 400_000]);
    assert_eq!(frames(&capture.bytes), [Seen::ethernet(1_000, b"x")]);
}

#[test]
fn options_of_a_packet_are_no_bytes_of_it() {
    let options = [b"ab\0\0".as_slice(), &[1, 0, 2, 0, b'h', b'i', 0, 0]].concat();
    let body = [0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0];
    let capture = Draft::pcapng(Order::Little)
        .interface(1, 0, &[])
        .block(6, &[&body[..], &options].concat());
    assert_eq!(frames(&capture.bytes), [Seen::ethernet(9_000, b"ab")]);
}

#[test]
fn a_new_section_forgets_the_interfaces_of_the_old() {
    let capture = Draft::pcapng(Order::Little)
        .interface(1, 0, &[])
        .section(Order::Little)
        .enhanced(0, 1, b"x", 1);
    let (seen, offset, damage) = damaged(&capture.bytes);
    assert_eq!((seen.len(), offset), (0, 28 + 20 + 28));
    assert!(matches!(
        damage,
        Damage::Interface {
            number: 0,
            known: 0
        }
    ));
}
