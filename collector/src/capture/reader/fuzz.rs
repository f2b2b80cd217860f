//! What hostile captures are held to. The fuzzer (`fuzz/`) calls [`captures`] with bytes of its
//! own; tests call it with seeds and with cases that were found.

pub(super) mod draft;
mod seeds;

use std::io::{self, Read};

pub use self::seeds::{gzip, seeds, zstd};

use super::{CaptureError, Captures, Damage, Frame, Source};

/// So many frames are read of one input: a few bytes of zstd can stand for millions.
const MOST: usize = 2_000;

/// Reads everything: in large portions, of which batches are taken, and in small ones, frame by
/// frame.
///
/// # Panics
/// Where the two differ, a frame is longer than it can be, or the end is no end.
pub fn captures(data: &[u8]) {
    let whole = read(
        Source::reader("whole", io::Cursor::new(data.to_vec())),
        1 << 16,
        7,
    );
    let portions = Portions(io::Cursor::new(data.to_vec()));
    let small = read(Source::reader("portions", portions), 64, 1);
    if whole.is_compression || small.is_compression {
        // What a decompressor had in hand when it met the damage is lost with it.
        let common = whole.frames.len().min(small.frames.len());
        assert_eq!(whole.frames[..common], small.frames[..common]);
        assert!(whole.is_compression || whole.frames.len() >= small.frames.len());
        assert!(small.is_compression || small.frames.len() >= whole.frames.len());
    } else {
        assert_eq!(whole, small);
    }
}

/// A reader that gives a few bytes at a time, as a pipe may.
struct Portions(io::Cursor<Vec<u8>>);

impl Read for Portions {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = 1 + self.0.position() as usize % 61;
        let len = buffer.len().min(most);
        self.0.read(&mut buffer[..len])
    }
}

/// What a capture gave: its frames in short, and where it was damaged.
#[derive(Debug, PartialEq, Eq)]
struct Story {
    frames: Vec<Outline>,
    damage: Option<(u64, String)>,
    is_compression: bool,
}

fn read(source: Source, buffer: usize, batch: usize) -> Story {
    let mut captures = Captures::with_buffer(vec![source], buffer);
    let (mut frames, mut is_compression) = (Vec::new(), false);
    let damage = loop {
        // Before the next is taken: a batch passes the bound, and may meet damage behind it.
        if frames.len() >= MOST {
            break None;
        }
        match take(&mut captures, batch) {
            Ok(taken) if taken.is_empty() => break None,
            Ok(taken) => frames.extend(taken),
            Err(CaptureError { offset, damage, .. }) => {
                assert!(
                    matches!(captures.next(), Ok(None)),
                    "the only source is over"
                );
                is_compression = matches!(damage, Damage::Compression(_));
                break Some((offset, damage.to_string()));
            }
        }
    };
    // A batch may pass the bound.
    frames.truncate(MOST);
    Story {
        frames,
        damage,
        is_compression,
    }
}

/// The next frames; none behind the last.
fn take(captures: &mut Captures, batch: usize) -> Result<Vec<Outline>, CaptureError> {
    if batch > 1 {
        let batch = captures.batch(batch)?;
        return Ok(batch.map_or_else(Vec::new, |batch| {
            batch.frames().map(|frame| outline(&frame)).collect()
        }));
    }
    let frame = captures.next()?;
    Ok(frame.iter().map(outline).collect())
}

/// Time, lengths and a sum of the bytes.
type Outline = (u64, u32, u32, usize, u8);

fn outline(frame: &Frame<'_>) -> Outline {
    let captured = frame.link_header as usize + frame.bytes.len();
    assert!(captured <= frame.original_len as usize);
    let sum = frame
        .bytes
        .iter()
        .fold(0, |sum: u8, byte| sum.wrapping_mul(31) ^ byte);
    (
        frame.time,
        frame.original_len,
        frame.link_header,
        frame.bytes.len(),
        sum,
    )
}
