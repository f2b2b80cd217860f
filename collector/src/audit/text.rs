//! The lines of a file that may be anything: of bounded length, from plain text or zstd.

use std::{
    io::{self, BufRead, BufReader, Read},
    mem,
};

use zstd::Decoder;

use super::What;

/// Bytes of a line, more than the schema's longest: a header with many relays.
const LONGEST: usize = 64 << 10;
/// First byte of a zstd frame (RFC 8878, section 3.1.1); no text of JSON begins with it.
const FRAME: u8 = 0x28;
/// First byte of a line.
const OBJECT: u8 = b'{';

/// Reads line by line.
pub(super) struct Lines<R: Read> {
    reader: BufReader<Unpacked<BufReader<R>>>,
    line: Vec<u8>,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(file: R) -> Self {
        Self {
            reader: BufReader::new(Unpacked::Begin(BufReader::new(file))),
            line: Vec::new(),
        }
    }

    /// The next line without its end. What can't be read any more gives an error once; nothing
    /// is to be asked behind it.
    pub(super) fn next(&mut self) -> Result<Option<&str>, What> {
        self.line.clear();
        let mut bounded = (&mut self.reader).take(LONGEST as u64 + 1);
        bounded.read_until(b'\n', &mut self.line)?;
        match self.line.split_last() {
            None => Ok(None),
            Some((b'\n', line)) => str::from_utf8(line).map(Some).or(Ok(Some(""))),
            Some(_) if self.line.len() > LONGEST => Err(What::TooLong),
            Some(_) => Err(What::Torn),
        }
    }
}

/// A file's text. Frames are unpacked one by one: between two of them there may be bytes that
/// zstd's tools pass over (skippable frames), which could hold anything. A window takes at most
/// 128 MiB, as without `--long`.
enum Unpacked<R: BufRead> {
    Begin(R),
    Plain(R),
    Frame(Decoder<'static, R>),
    Between(R),
    End,
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let (next, bytes) = mem::replace(self, Self::End).step(buffer)?;
            *self = next;
            if let Some(bytes) = bytes {
                return Ok(bytes);
            }
        }
    }
}

impl<R: BufRead> Unpacked<R> {
    /// What comes next, and how many bytes were read where some could be.
    fn step(self, buffer: &mut [u8]) -> io::Result<(Self, Option<usize>)> {
        Ok(match self {
            Self::Plain(mut text) => {
                let bytes = text.read(buffer)?;
                (Self::Plain(text), Some(bytes))
            }
            Self::Frame(mut frame) => match frame.read(buffer)? {
                0 => (Self::Between(frame.finish()), None),
                bytes => (Self::Frame(frame), Some(bytes)),
            },
            Self::Begin(mut file) => match first_byte(&mut file)? {
                Some(OBJECT) => (Self::Plain(file), None),
                _ => (Self::Between(file), None),
            },
            Self::Between(mut file) => match first_byte(&mut file)? {
                Some(FRAME) => (
                    Self::Frame(Decoder::with_buffer(file)?.single_frame()),
                    None,
                ),
                Some(_) => return Err(neither()),
                None => (Self::End, None),
            },
            Self::End => (Self::End, Some(0)),
        })
    }
}

fn first_byte(file: &mut impl BufRead) -> io::Result<Option<u8>> {
    Ok(file.fill_buf()?.first().copied())
}

fn neither() -> io::Error {
    let reason = "neither lines of JSON nor a frame of zstd";
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines, and why there are no more where that is a fault.
    fn lines(file: &[u8]) -> (Vec<String>, Option<What>) {
        let mut lines = Lines::new(file);
        let mut found = Vec::new();
        loop {
            match lines.next() {
                Ok(Some(line)) => found.push(line.to_owned()),
                Ok(None) => return (found, None),
                Err(what) => return (found, Some(what)),
            }
        }
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        zstd::encode_all(text, 3).unwrap()
    }

    fn owned(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn plain_text_and_any_number_of_frames_are_read() {
        let expected = (owned(&["{1}", "{2}"]), None);
        assert_eq!(lines(b"{1}\n{2}\n"), expected);
        assert_eq!(lines(&packed(b"{1}\n{2}\n")), expected);
        let cut_within = [packed(b"{1}\n{"), packed(b""), packed(b"2}\n")].concat();
        assert_eq!(lines(&cut_within), expected);
        assert_eq!(lines(b""), (Vec::new(), None));
    }

    #[test]
    fn what_tools_pass_over_between_frames_is_a_fault() {
        let skippable = [
            &[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0][..],
            b"\x5d\xb8\xd8\x22",
        ]
        .concat();
        for hidden in [&skippable[..], b"93.184.216.34", b"{3}\n", b"\0"] {
            let (found, end) = lines(&[&packed(b"{1}\n"), hidden].concat());
            assert_eq!(found, owned(&["{1}"]));
            assert!(matches!(end, Some(What::Unreadable(_))), "{end:?}");
        }
        assert!(matches!(lines(&skippable).1, Some(What::Unreadable(_))));
    }

    #[test]
    fn a_torn_frame_and_a_torn_line_are_faults() {
        let whole = packed("{1}\n".repeat(1000).as_bytes());
        for cut in 1..whole.len() {
            let end = lines(&whole[..cut]).1;
            assert!(matches!(end, Some(What::Unreadable(_))), "{cut}: {end:?}");
        }
        assert_eq!(lines(b"{1}\n{2}"), (owned(&["{1}"]), Some(What::Torn)));
    }

    #[test]
    fn a_line_without_end_is_not_kept_in_memory() {
        let bomb = packed(&[b"{1}\n".to_vec(), vec![b' '; 64 << 20]].concat());
        assert!(bomb.len() < 1 << 14);
        let mut lines = Lines::new(&bomb[..]);
        assert_eq!(lines.next(), Ok(Some("{1}")));
        assert_eq!(lines.next(), Err(What::TooLong));
        assert!(lines.line.capacity() <= 4 * LONGEST);
    }

    #[test]
    fn what_is_no_utf_8_is_a_line_that_says_nothing() {
        assert_eq!(lines(b"{\xff}\n{2}\n").0, owned(&["", "{2}"]));
    }
}
