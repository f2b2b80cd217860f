//! From capture files to frames: pcap and pcapng, plain, gzip or zstd, files and streams.
//!
//! `sources` lists what is to be read, `input` takes compression off, `stream` keeps a window of
//! bytes, `pcap` and `pcapng` find the next packet in it, `link` takes the link header off.
//!
//! The two formats are read here and not by a crate. Of those at hand pcap-parser 0.17 refuses
//! interfaces whose clock counts in powers of two, reads `if_tsoffset` in the wrong byte order in
//! sections of the other one and overflows on it; pcap-file 2.0 knows no offset of a damaged packet,
//! holds any number of interfaces and extends lifetimes by `transmute`. Beside the kernel's copy they
//! took 16 to 27 ns a packet where this takes 9 to 12.
//!
//! Layouts: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng, and the registry of link types in
//! draft-ietf-opsawg-pcaplinktype.

mod error;
#[doc(hidden)]
pub mod fuzz;
mod input;
mod link;
mod order;
mod pcap;
mod pcapng;
mod sources;
mod stream;

use std::vec;

pub use self::{
    error::{CaptureError, Damage},
    link::FrameLink,
    sources::{Skipped, Source, SourceError, Sources, expand},
};

use self::{input::Input, pcap::Pcap, pcapng::Pcapng, stream::Stream};

/// Bytes that are asked for in one read. More made nothing faster.
const BUFFER: usize = 256 << 10;

/// One captured frame, borrowed from the reader's buffer.
///
/// It has no `Debug`: its bytes are somebody's.
pub struct Frame<'a> {
    /// Nanoseconds since the Unix epoch, saturating both ways. A packet without a time (pcapng's
    /// simple packet) has that of the one before it.
    pub time: u64,
    /// Length on the wire as the capture tells, with the link header; at least what it holds.
    pub original_len: u32,
    /// Bytes of link header that were taken off before `bytes`; 0 for Ethernet, whose header is
    /// part of the frame.
    pub link_header: u32,
    /// What `bytes` begins with.
    pub link: FrameLink,
    /// What was captured, behind the link header.
    pub bytes: &'a [u8],
}

/// Where the next packet is, before it is borrowed.
struct Record {
    time: u64,
    original_len: u32,
    link_type: u16,
    /// First byte, in the stream's buffer.
    at: usize,
    /// Captured bytes.
    len: usize,
}

/// Frames of several captures, one after another.
///
/// Memory: one buffer, which grows with the longest item that was really there, 16 MiB at most; a
/// decompressor's window; and pcapng's interfaces, 65,536 at most.
pub struct Captures {
    due: vec::IntoIter<Source>,
    open: Option<Open>,
    /// Kept from one source to the next.
    buffer: Vec<u8>,
    /// Of the sources that were closed.
    closed_bytes: u64,
    total_bytes: Option<u64>,
    /// Of the last batch.
    records: Vec<Record>,
}

/// Frames that are there at once.
pub struct Batch<'a> {
    open: &'a Open,
    records: &'a [Record],
}

impl<'a> Batch<'a> {
    /// In order.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = Frame<'a>> {
        let open = self.open;
        self.records.iter().map(|record| open.frame(record))
    }
}

/// The source that is being read.
struct Open {
    name: String,
    size: Option<u64>,
    stream: Stream,
    /// `None` before the first bytes have told.
    format: Option<Format>,
}

enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

impl Captures {
    /// Frames of these sources in this order. Each is opened when its turn comes.
    #[must_use]
    pub fn new(sources: Vec<Source>) -> Self {
        Self::with_buffer(sources, BUFFER)
    }

    fn with_buffer(sources: Vec<Source>, bytes: usize) -> Self {
        Self {
            total_bytes: sources.iter().map(Source::size).sum(),
            due: sources.into_iter(),
            open: None,
            buffer: vec![0; bytes],
            closed_bytes: 0,
            records: Vec::new(),
        }
    }

    /// The next frame, of this source or of the next; `None` behind the last.
    ///
    /// # Errors
    /// A source that can't be opened or read, or is damaged. What is left of it is given up, and
    /// the next call goes on with the next source.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator can't lend its own buffer"
    )]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        let record = self.record()?;
        let open = self.open.as_ref();
        Ok(record.and_then(|record| open.map(|open| open.frame(&record))))
    }

    fn record(&mut self) -> Result<Option<Record>, CaptureError> {
        loop {
            let Some(open) = &mut self.open else {
                let Some(source) = self.due.next() else {
                    return Ok(None);
                };
                self.open(source)?;
                continue;
            };
            match open.next() {
                Ok(Some(record)) => return Ok(Some(record)),
                Ok(None) => self.close(),
                Err(damage) => {
                    let error = CaptureError::new(&open.name, open.stream.offset(), damage);
                    self.close();
                    return Err(error);
                }
            }
        }
    }

    /// The next frames, `most` at most, of one source: those that can be had without a read, so that
    /// all are there at once. `None` behind the last.
    ///
    /// # Errors
    /// As [`Captures::next`].
    pub fn batch(&mut self, most: usize) -> Result<Option<Batch<'_>>, CaptureError> {
        let Some(first) = self.record()? else {
            return Ok(None);
        };
        let mut records = std::mem::take(&mut self.records);
        records.clear();
        records.push(first);
        if let Some(open) = &mut self.open {
            open.stream.hold(true);
            // Whatever ends it here shows again with the next record.
            while records.len() < most
                && let Ok(Some(record)) = open.next()
            {
                records.push(record);
            }
            open.stream.hold(false);
        }
        self.records = records;
        Ok(self.open.as_ref().map(|open| Batch {
            open,
            records: &self.records,
        }))
    }

    /// Name of the source that the last frame came from; `None` between two.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.open.as_ref().map(|open| open.name.as_str())
    }

    /// Bytes of the sources read so far, compressed where they are; a buffer ahead of the frames.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        let open = self.open.as_ref().map(|open| open.stream.bytes_read());
        self.closed_bytes + open.unwrap_or_default()
    }

    /// Bytes of all sources; `None` where one has no length, like standard input.
    #[must_use]
    pub fn total_bytes(&self) -> Option<u64> {
        self.total_bytes
    }

    fn open(&mut self, source: Source) -> Result<(), CaptureError> {
        let (name, size) = (source.name().to_owned(), source.size());
        let input = match Input::open(source) {
            Ok(input) => input,
            Err(damage) => {
                self.closed_bytes += size.unwrap_or_default();
                return Err(CaptureError::new(&name, 0, damage));
            }
        };
        let buffer = std::mem::take(&mut self.buffer);
        self.open = Some(Open {
            name,
            size,
            stream: Stream::new(input, buffer),
            format: None,
        });
        Ok(())
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            // What is left of a damaged file is done with, too.
            self.closed_bytes += open.size.unwrap_or_else(|| open.stream.bytes_read());
            self.buffer = open.stream.into_buffer();
        }
    }
}

impl Open {
    #[inline]
    fn next(&mut self) -> Result<Option<Record>, Damage> {
        match &mut self.format {
            Some(Format::Pcap(pcap)) => pcap.next(&mut self.stream),
            Some(Format::Pcapng(pcapng)) => pcapng.next(&mut self.stream),
            None => {
                self.format = Some(Format::read(&mut self.stream)?);
                self.next()
            }
        }
    }

    #[inline]
    fn frame(&self, record: &Record) -> Frame<'_> {
        let captured = self.stream.bytes(record.at, record.len);
        let (link, header) = link::strip(record.link_type, captured);
        let (header, bytes) = captured.split_at(header.min(captured.len()));
        // Neither is longer than an item of 16 MiB.
        let (link_header, captured_len) = (header.len() as u32, captured.len() as u32);
        Frame {
            time: record.time,
            original_len: record.original_len.max(captured_len),
            link_header,
            link,
            bytes,
        }
    }
}

impl Format {
    /// From the first four bytes. Pcapng's stay where they are: its sections begin alike.
    fn read(stream: &mut Stream) -> Result<Self, Damage> {
        match *stream.need(4)? {
            [] => Err(Damage::Empty),
            [a, b, c, d, ..] if pcapng::is_magic([a, b, c, d]) => {
                Ok(Self::Pcapng(Pcapng::default()))
            }
            [a, b, c, d, ..] if pcap::is_magic([a, b, c, d]) => Ok(Self::Pcap(Pcap::read(stream)?)),
            _ => Err(Damage::NoCapture),
        }
    }

    fn is_known(first: &[u8]) -> bool {
        first
            .first_chunk()
            .is_some_and(|&magic| pcapng::is_magic(magic) || pcap::is_magic(magic))
    }
}

#[cfg(test)]
mod tests;
