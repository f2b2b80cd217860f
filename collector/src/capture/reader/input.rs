//! The bytes of a source without its compression, which the first bytes tell.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read},
};

use flate2::bufread::MultiGzDecoder;

use super::{
    Damage, Format, Source,
    sources::{Origin, Reader},
};

/// Compressed bytes per read.
const BUFFER: usize = 32 << 10;

/// Uncompressed bytes per read: what a decompressor has in hand when it meets damage is lost.
const PORTION: usize = 64 << 10;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// A source whose compression is known. Members and frames in a row are one stream.
pub(super) enum Input {
    Plain(Raw),
    Gzip(Box<MultiGzDecoder<BufReader<Raw>>>),
    Zstd(zstd::Decoder<'static, BufReader<Raw>>),
}

impl Input {
    /// Opens the source and reads its first four bytes.
    pub(super) fn open(source: Source) -> Result<Self, Damage> {
        let reader: Reader = match source.into_origin() {
            Origin::File(path) => Box::new(File::open(path).map_err(Damage::Open)?),
            Origin::Stdin => Box::new(io::stdin()),
            Origin::Reader(reader) => reader,
        };
        let raw = Raw::new(reader).map_err(Damage::Open)?;
        let head = raw.head.get_ref();
        if head.starts_with(&GZIP) {
            let input = BufReader::with_capacity(BUFFER, raw);
            Ok(Self::Gzip(Box::new(MultiGzDecoder::new(input))))
        } else if head.starts_with(&ZSTD) {
            let input = BufReader::with_capacity(BUFFER, raw);
            let decoder = zstd::Decoder::with_buffer(input).map_err(Damage::Open)?;
            Ok(Self::Zstd(decoder))
        } else {
            Ok(Self::Plain(raw))
        }
    }

    /// Whether the first bytes are a capture's. No error: what can't be read is none.
    pub(super) fn is_capture(source: Source) -> bool {
        let Ok(input) = Self::open(source) else {
            return false;
        };
        let mut first = Vec::new();
        let read = input.take(4).read_to_end(&mut first);
        read.is_ok() && Format::is_known(&first)
    }

    /// Bytes read from the source, compressed where it is.
    pub(super) fn bytes_read(&self) -> u64 {
        match self {
            Self::Plain(raw) => raw.read,
            Self::Gzip(decoder) => decoder.get_ref().get_ref().read,
            Self::Zstd(decoder) => decoder.get_ref().get_ref().read,
        }
    }

    /// What an error of [`Input::read`] means.
    pub(super) fn damage(&self, error: io::Error) -> Damage {
        match self {
            Self::Plain(_) => Damage::Read(error),
            Self::Gzip(_) | Self::Zstd(_) => Damage::Compression(error),
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let portion = buffer.len().min(PORTION);
        match self {
            Self::Plain(raw) => raw.read(buffer),
            Self::Gzip(decoder) => decoder.read(&mut buffer[..portion]),
            Self::Zstd(decoder) => decoder.read(&mut buffer[..portion]),
        }
    }
}

/// A source as it is stored, its first bytes put back.
pub(super) struct Raw {
    head: Cursor<Vec<u8>>,
    rest: Reader,
    read: u64,
}

impl Raw {
    fn new(mut rest: Reader) -> io::Result<Self> {
        let mut head = Vec::with_capacity(4);
        rest.by_ref().take(4).read_to_end(&mut head)?;
        Ok(Self {
            read: head.len() as u64,
            head: Cursor::new(head),
            rest,
        })
    }
}

impl Read for Raw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.head.read(buffer)?;
        if read > 0 || buffer.is_empty() {
            return Ok(read);
        }
        let read = self.rest.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}
