//! Complete zstd frames (RFC 8878): what is in a file is readable by every zstd tool at any time.

use std::io::{self, Read, Write};

/// Level for frames that are written every second.
pub(crate) const FAST: i32 = 3;
/// Level for closed files.
pub(super) const SMALL: i32 = 9;
/// Most text that one frame may unfold to; the queue holds less.
const MAX_TEXT: u64 = 256 << 20;

/// One frame with a checksum.
pub(crate) fn encode(text: &[u8], level: i32) -> io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(level)?;
    compressor.include_checksum(true)?;
    compressor.compress(text)
}

/// One frame with a checksum, of what `write` writes, to `out`.
pub(super) fn stream<W: Write>(
    out: W,
    level: i32,
    write: impl FnOnce(&mut zstd::Encoder<'_, W>) -> io::Result<()>,
) -> io::Result<()> {
    let mut encoder = zstd::Encoder::new(out, level)?;
    encoder.include_checksum(true)?;
    write(&mut encoder)?;
    encoder.finish().map(drop)
}

/// The complete frames of a file, in order; stops at the first that is torn.
#[derive(Debug)]
pub(super) struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes behind the last complete frame; what they held is lost.
    pub(super) fn torn(&self) -> u64 {
        self.rest.len() as u64
    }
}

impl Iterator for Frames<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let length = zstd::zstd_safe::find_frame_compressed_size(self.rest).ok()?;
        let (frame, rest) = self.rest.split_at_checked(length)?;
        let text = decode(frame).ok()?;
        self.rest = rest;
        Some(text)
    }
}

fn decode(frame: &[u8]) -> io::Result<String> {
    let mut text = String::new();
    let mut decoder = zstd::Decoder::with_buffer(frame)?.take(MAX_TEXT);
    decoder.read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_leaves_the_complete_frames_and_names_the_rest() {
        let (one, two) = (
            encode(b"one\n", FAST).unwrap(),
            encode(b"two\n", FAST).unwrap(),
        );
        let both = [one.as_slice(), &two].concat();
        for cut in 0..=both.len() {
            let mut frames = Frames::new(&both[..cut]);
            let whole: Vec<String> = frames.by_ref().collect();
            let expected = usize::from(cut >= one.len()) + usize::from(cut == both.len());
            assert_eq!(whole.len(), expected, "cut at {cut}");
            let good = [0, one.len(), both.len()][expected];
            assert_eq!(frames.torn(), (cut - good) as u64);
        }
    }

    #[test]
    fn a_flipped_byte_ends_the_frames_without_harm() {
        let good = encode("text ".repeat(100).as_bytes(), FAST).unwrap();
        for index in 0..good.len() {
            let mut bad = good.clone();
            bad[index] ^= 0x55;
            let mut frames = Frames::new(&bad);
            let texts: Vec<String> = frames.by_ref().collect();
            assert!(texts.iter().all(|text| *text == "text ".repeat(100)));
        }
    }

    #[test]
    fn a_reader_of_streams_takes_frames_one_after_the_other() {
        let frames = [
            encode(b"one\n", FAST).unwrap(),
            encode(b"two\n", FAST).unwrap(),
        ]
        .concat();
        assert_eq!(zstd::decode_all(frames.as_slice()).unwrap(), b"one\ntwo\n");
    }
}
