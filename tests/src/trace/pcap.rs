//! The classic capture file (draft-ietf-opsawg-pcap), little-endian, Ethernet.

use std::{
    io::{self, BufWriter, Write},
    time::Duration,
};

/// Bytes before the first record.
pub const HEADER_LEN: u64 = 24;
/// Bytes before each frame.
pub const RECORD_HEADER_LEN: u64 = 16;
/// Longest frame that the file announces, bytes.
const SNAP_LEN: u32 = 65_535;
const ETHERNET: u32 = 1;

/// Of the times in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Resolution {
    /// Microseconds.
    #[default]
    Micro,
    /// Nanoseconds.
    Nano,
}

/// Writes a capture.
pub struct Pcap<'a> {
    out: BufWriter<&'a mut dyn Write>,
    resolution: Resolution,
}

impl<'a> Pcap<'a> {
    /// Begins one.
    ///
    /// # Errors
    /// As those of `out`.
    pub fn create(out: &'a mut dyn Write, resolution: Resolution) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(1 << 20, out);
        let magic: u32 = match resolution {
            Resolution::Micro => 0xa1b2_c3d4,
            Resolution::Nano => 0xa1b2_3c4d,
        };
        out.write_all(&magic.to_le_bytes())?;
        out.write_all(&[2, 0, 4, 0])?; // version 2.4
        out.write_all(&[0; 8])?; // reserved
        out.write_all(&SNAP_LEN.to_le_bytes())?;
        out.write_all(&ETHERNET.to_le_bytes())?;
        Ok(Self { out, resolution })
    }

    /// Adds a frame; `time` since 1970.
    ///
    /// # Errors
    /// As those of the output, and a time or frame that the file's numbers can't hold.
    pub fn write(&mut self, time: Duration, frame: &[u8]) -> io::Result<()> {
        let seconds = u32::try_from(time.as_secs()).map_err(io::Error::other)?;
        let fraction = match self.resolution {
            Resolution::Micro => time.subsec_micros(),
            Resolution::Nano => time.subsec_nanos(),
        };
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        for field in [seconds, fraction, length, length] {
            self.out.write_all(&field.to_le_bytes())?;
        }
        self.out.write_all(frame)
    }

    /// Ends it.
    ///
    /// # Errors
    /// As those of the output.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}
