//! What of a stream is sampled.

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
