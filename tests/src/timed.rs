//! Frames with their times, and the captures that they make.

use std::{io, time::Duration};

use collector_common::packet::tcp;

use crate::{
    frames::Path,
    trace::{Pcap, Resolution},
};

/// A frame and its seconds behind a whole minute.
pub type Timed = (f64, Vec<u8>);

/// A capture of `frames`.
///
/// # Errors
/// A time or a frame that the file's numbers can't hold.
pub fn capture(frames: &[Timed]) -> io::Result<Vec<u8>> {
    let start = Duration::from_secs(1_767_225_600);
    let mut bytes = Vec::new();
    let mut pcap = Pcap::create(&mut bytes, Resolution::Nano)?;
    for (seconds, frame) in frames {
        pcap.write(start + Duration::from_secs_f64(*seconds), frame)?;
    }
    pcap.finish()?;
    Ok(bytes)
}

/// A TCP connection from its SYN to its last acknowledgment, in a second: the opener says this, the
/// other side answers that.
#[must_use]
pub fn connection(path: Path, at: f64, says: &[u8], answers: &[u8]) -> Vec<Timed> {
    let back = path.reversed();
    let (next, next_back) = (1 + says.len() as u32, 1 + answers.len() as u32);
    let frames = [
        path.tcp(tcp::SYN, 0, &[]),
        back.tcp(tcp::SYN | tcp::ACK, 0, &[]),
        path.tcp(tcp::ACK, 1, says),
        back.tcp(tcp::ACK, 1, answers),
        path.tcp(tcp::FIN | tcp::ACK, next, &[]),
        back.tcp(tcp::FIN | tcp::ACK, next_back, &[]),
        path.tcp(tcp::ACK, next + 1, &[]),
    ];
    let times = (0..).map(|number| at + 0.1 * f64::from(number));
    times.zip(frames).collect()
}
