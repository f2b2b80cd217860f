//! A small capture by script, the same in every run, with what [`crate::trace`] leaves out: refused
//! and unanswered connections, repeated openings, and ports that are used again at once.

use collector::capture::reader::FrameLink;
use collector_common::{packet::tcp, settings::SECOND};

use crate::{
    captures::{Capture, Held},
    frames::Path,
    link::IpVersion,
};

const REQUEST: &[u8] =
    b"GET /index.html HTTP/1.1\r\nHost: www.example\r\nUser-Agent: curl/8.5.0\r\n\r\n";
const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok";
/// A question for the address of `example` (RFC 1035, section 4.1).
const QUESTION: &[u8] =
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x00\x00\x01\x00\x01";
const ANSWER: &[u8] =
    b"\x12\x34\x81\x83\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x00\x00\x01\x00\x01";
/// 2024-01-01, UTC.
const START: u64 = 1_704_067_200 * SECOND;
const MILLISECOND: u64 = SECOND / 1000;

/// What a capture is made of.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Flows.
    pub flows: u16,
    /// Over which they begin, nanoseconds.
    pub span: u64,
    /// Every tenth flow's ports are used again a moment after its end.
    pub reuse: bool,
}

/// The capture, in the order of its times.
#[must_use]
pub fn scripted(rule: Rule) -> Capture {
    let mut frames = Vec::new();
    for number in 0..rule.flows {
        let start = START + rule.span * u64::from(number) / u64::from(rule.flows);
        let mut flow = Flow::new(number, start, &mut frames);
        match number % 5 {
            0 => flow.request(1),
            1 => flow.question(),
            2 => flow.refused(),
            3 => flow.unanswered(),
            _ => flow.talk(),
        }
        if rule.reuse && number % 10 == 0 {
            flow.request(1_000_000);
        }
    }
    frames.sort_by_key(|held| held.time);
    Capture {
        name: "by script".to_owned(),
        frames,
    }
}

/// Writes the frames of one flow.
struct Flow<'a> {
    out: Path,
    back: Path,
    now: u64,
    frames: &'a mut Vec<Held>,
}

impl<'a> Flow<'a> {
    fn new(number: u16, now: u64, frames: &'a mut Vec<Held>) -> Self {
        let version = IpVersion::ALL[usize::from(number) % 2];
        let port = [80, 53, 81, 443, 4_000][usize::from(number) % 5];
        let out = Path::example(version).with_ports(20_000 + number, port);
        Self {
            out,
            back: out.reversed(),
            now,
            frames,
        }
    }

    fn add(&mut self, frame: Vec<u8>) {
        self.frames.push(held(self.now, frame));
        self.now += 7 * MILLISECOND;
    }

    fn open(&mut self, sequence: u32) {
        self.add(self.out.tcp(tcp::SYN, sequence, &[]));
        self.add(self.back.tcp(tcp::SYN | tcp::ACK, 900, &[]));
    }

    fn request(&mut self, sequence: u32) {
        self.open(sequence);
        let behind = sequence + 1 + REQUEST.len() as u32;
        self.add(self.out.tcp(tcp::ACK, sequence + 1, REQUEST));
        self.add(self.back.tcp(tcp::ACK, 901, RESPONSE));
        self.add(self.out.tcp(tcp::ACK | tcp::FIN, behind, &[]));
        let last = 901 + RESPONSE.len() as u32;
        self.add(self.back.tcp(tcp::ACK | tcp::FIN, last, &[]));
        self.add(self.out.tcp(tcp::ACK, behind + 1, &[]));
    }

    fn question(&mut self) {
        self.add(self.out.udp(QUESTION));
        self.add(self.back.udp(ANSWER));
    }

    fn refused(&mut self) {
        self.add(self.out.tcp(tcp::SYN, 1, &[]));
        self.add(self.back.tcp(tcp::RST | tcp::ACK, 0, &[]));
    }

    fn unanswered(&mut self) {
        for wait in [1, 2] {
            self.add(self.out.tcp(tcp::SYN, 1, &[]));
            self.now += wait * SECOND;
        }
    }

    fn talk(&mut self) {
        for word in [b"one".as_slice(), b"two", b"three"] {
            self.add(self.out.udp(word));
            self.add(self.back.udp(word));
            self.now += 2 * SECOND;
        }
    }
}

/// An Ethernet frame that was captured whole at `time`, nanoseconds since the Unix epoch.
#[must_use]
pub fn held(time: u64, frame: Vec<u8>) -> Held {
    Held {
        time,
        // A frame is never 4 GiB.
        original_len: frame.len() as u32,
        link_header: 0,
        link: FrameLink::Ethernet,
        bytes: frame,
    }
}
