//! Frames by the million: headers are built once for each direction of a flow, then copied and
//! patched.

use std::net::IpAddr;

use collector_common::packet::{protocol, tcp};
use etherparse::{TcpHeader, TcpOptionElement, checksum::Sum16BitWords};

use crate::frames::Path;

/// Ethernet's MTU of 1500 and the header.
pub(super) const LONGEST_FRAME: usize = 1514;
/// Of the Ethernet header.
const NETWORK: usize = 14;
/// Ethernet, IPv6, TCP with time stamps.
const LONGEST: usize = NETWORK + 40 + 32;

/// "Hand this on now"; the meter has no use for the bit.
pub(super) const PSH: u8 = 0x08;

/// The headers of a data packet, ready but for what [`Template::patch`] changes.
#[derive(Clone, Copy)]
pub(super) struct Template {
    bytes: [u8; LONGEST],
    length: usize,
}

/// What differs between the segments of one direction.
#[derive(Clone, Copy, Default)]
pub(super) struct Segment {
    pub(super) flags: u8,
    pub(super) sequence: u32,
    pub(super) acknowledgment: u32,
    /// Of the sender's clock, milliseconds.
    pub(super) clock: u32,
}

impl Template {
    pub(super) fn tcp(path: &Path) -> Self {
        let mut header = TcpHeader::new(path.ports.0, path.ports.1, 0, 502);
        let stamps = [
            TcpOptionElement::Noop,
            TcpOptionElement::Noop,
            TcpOptionElement::Timestamp(0, 0),
        ];
        header.set_options(&stamps).expect("12 bytes");
        Self::of(&path.frame(&path.ip(protocol::TCP, &header.to_bytes())))
    }

    pub(super) fn udp(path: &Path) -> Self {
        Self::of(&path.udp(&[]))
    }

    fn of(frame: &[u8]) -> Self {
        let mut bytes = [0; LONGEST];
        bytes[..frame.len()].copy_from_slice(frame);
        Self {
            bytes,
            length: frame.len(),
        }
    }

    /// Bytes of payload in a full frame.
    pub(super) fn room(&self) -> usize {
        LONGEST_FRAME - self.length
    }

    /// Starts a frame with these headers.
    pub(super) fn copy_to(&self, frame: &mut Vec<u8>) {
        frame.clear();
        frame.extend_from_slice(&self.bytes[..self.length]);
    }

    /// Completes a TCP frame that starts with these headers and holds its payload.
    pub(super) fn patch(&self, frame: &mut [u8], segment: &Segment) {
        let tcp = self.length - 32;
        set(frame, tcp + 4, segment.sequence.to_be_bytes());
        set(frame, tcp + 8, segment.acknowledgment.to_be_bytes());
        frame[tcp + 13] = segment.flags;
        set(frame, tcp + 24, segment.clock.to_be_bytes());
        set(
            frame,
            tcp + 28,
            segment.clock.saturating_sub(20).to_be_bytes(),
        );
        seal(frame);
    }
}

/// A SYN or SYN-ACK, with the options that Linux sends.
pub(super) fn opening(path: &Path, flags: u8, sequence: u32, acknowledgment: u32) -> Vec<u8> {
    let segment_size = match path.addresses.0 {
        IpAddr::V4(_) => 1460,
        IpAddr::V6(_) => 1440,
    };
    let mut header = TcpHeader::new(path.ports.0, path.ports.1, sequence, 64_240);
    header.syn = true;
    header.ack = flags & tcp::ACK != 0;
    header.acknowledgment_number = acknowledgment;
    let options = [
        TcpOptionElement::MaximumSegmentSize(segment_size),
        TcpOptionElement::SelectiveAcknowledgementPermitted,
        TcpOptionElement::Timestamp(1, 0),
        TcpOptionElement::Noop,
        TcpOptionElement::WindowScale(7),
    ];
    header.set_options(&options).expect("20 bytes");
    let mut frame = path.frame(&path.ip(protocol::TCP, &header.to_bytes()));
    seal(&mut frame);
    frame
}

/// The answer of a closed port.
pub(super) fn refusal(path: &Path, acknowledgment: u32) -> Vec<u8> {
    let mut header = TcpHeader::new(path.ports.0, path.ports.1, 0, 0);
    header.rst = true;
    header.ack = true;
    header.acknowledgment_number = acknowledgment;
    let mut frame = path.frame(&path.ip(protocol::TCP, &header.to_bytes()));
    seal(&mut frame);
    frame
}

/// Makes lengths and checksums right, of an IP packet without options or extension headers.
pub(super) fn seal(frame: &mut [u8]) {
    let short = |length: usize| u16::try_from(length).expect("no longer than a frame");
    let length = short(frame.len() - NETWORK);
    let (next, addresses, transport) = if frame[NETWORK] >> 4 == 4 {
        set(frame, NETWORK + 2, length.to_be_bytes());
        set(frame, NETWORK + 10, [0; 2]);
        let sum = Sum16BitWords::new().add_slice(&frame[NETWORK..NETWORK + 20]);
        set(frame, NETWORK + 10, sum.ones_complement().to_ne_bytes());
        (frame[NETWORK + 9], NETWORK + 12..NETWORK + 20, NETWORK + 20)
    } else {
        set(frame, NETWORK + 4, (length - 40).to_be_bytes());
        (frame[NETWORK + 6], NETWORK + 8..NETWORK + 40, NETWORK + 40)
    };
    let segment = short(frame.len() - transport);
    let checksum = match next {
        protocol::UDP => {
            set(frame, transport + 4, segment.to_be_bytes());
            transport + 6
        }
        _ => transport + 16,
    };
    set(frame, checksum, [0; 2]);
    let sum = Sum16BitWords::new()
        .add_slice(&frame[addresses])
        .add_2bytes([0, next])
        .add_2bytes(segment.to_be_bytes())
        .add_slice(&frame[transport..]);
    // Zero means "no checksum" in UDP, and nothing special in TCP.
    let sum = match next {
        protocol::UDP => sum.to_ones_complement_with_no_zero(),
        _ => sum.ones_complement(),
    };
    set(frame, checksum, sum.to_ne_bytes());
}

/// Overwrites bytes at an offset that the frame has.
pub(super) fn set<const N: usize>(frame: &mut [u8], offset: usize, bytes: [u8; N]) {
    frame[offset..offset + N].copy_from_slice(&bytes);
}
