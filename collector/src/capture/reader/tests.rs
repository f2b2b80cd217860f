//! Captures made byte by byte.

mod damage;
mod hostile;
mod links;
mod pcap;
mod pcapng;
mod real;
mod sources;

use std::io::Cursor;

use super::{
    CaptureError, Captures, Damage, FrameLink, Source,
    fuzz::draft::{Draft, MICROSECONDS, MODIFIED, NANOSECONDS},
    fuzz::{gzip, zstd},
    order::Order,
};

const ORDERS: [Order; 2] = [Order::Little, Order::Big];
const SECOND: u64 = 1_000_000_000;

/// A frame, out of the reader's hands.
#[derive(Debug, PartialEq, Eq, Clone)]
struct Seen {
    time: u64,
    original_len: u32,
    link_header: u32,
    link: FrameLink,
    bytes: Vec<u8>,
}

impl Seen {
    /// An Ethernet frame that was captured whole.
    fn ethernet(time: u64, bytes: &[u8]) -> Self {
        Self {
            time,
            original_len: u32::try_from(bytes.len()).unwrap(),
            link_header: 0,
            link: FrameLink::Ethernet,
            bytes: bytes.to_vec(),
        }
    }
}

fn captures(bytes: &[u8]) -> Captures {
    let source = Source::reader("test", Cursor::new(bytes.to_vec()));
    Captures::with_buffer(vec![source], 64)
}

/// All frames, and the errors between them.
fn read(mut captures: Captures) -> (Vec<Seen>, Vec<CaptureError>) {
    let (mut frames, mut errors) = (Vec::new(), Vec::new());
    loop {
        match captures.next() {
            Ok(None) => return (frames, errors),
            Ok(Some(frame)) => frames.push(Seen {
                time: frame.time,
                original_len: frame.original_len,
                link_header: frame.link_header,
                link: frame.link,
                bytes: frame.bytes.to_vec(),
            }),
            Err(error) => errors.push(error),
        }
    }
}

/// All frames of a capture without damage.
fn frames(bytes: &[u8]) -> Vec<Seen> {
    let (frames, errors) = read(captures(bytes));
    assert!(errors.is_empty(), "{errors:?}");
    frames
}

/// What was read before the damage, where it is, and what it is.
fn damaged(bytes: &[u8]) -> (Vec<Seen>, u64, Damage) {
    let (frames, mut errors) = read(captures(bytes));
    let error = errors.pop().expect("damage");
    assert!(errors.is_empty(), "{errors:?}");
    (frames, error.offset, error.damage)
}
