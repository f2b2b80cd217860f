//! What can be wrong with a capture, for the person who asked for it.

use std::io;

/// A capture that could not be read to its end. What came before the damage was handed out.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {}{damage}", place(*.offset, .damage))]
pub struct CaptureError {
    /// The source's name.
    pub name: String,
    /// Where the damaged header, packet or block starts, in bytes from the start of the
    /// uncompressed capture.
    pub offset: u64,
    /// What is wrong.
    pub damage: Damage,
}

impl CaptureError {
    pub(super) fn new(name: &str, offset: u64, damage: Damage) -> Self {
        Self {
            name: name.to_owned(),
            offset,
            damage,
        }
    }
}

/// Where to look, for damage that has a place.
fn place(offset: u64, damage: &Damage) -> String {
    match damage {
        Damage::Open(_) | Damage::Empty | Damage::NoCapture => String::new(),
        _ => format!("damaged at byte {offset}; what is before it was read, the rest is not: "),
    }
}

/// What is wrong with a capture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// The file can't be opened, or its first bytes not be read.
    #[error("can't be opened: {0}")]
    Open(io::Error),
    /// Nothing in it.
    #[error("is empty; is it still being written, or was it never filled?")]
    Empty,
    /// The first bytes are those of another kind of file.
    #[error(
        "is no capture: it begins neither like pcap nor like pcapng (plain, gzip or zstd); \
         other formats are converted by `editcap -F pcapng`"
    )]
    NoCapture,
    /// The system refused a read.
    #[error("reading failed: {0}")]
    Read(io::Error),
    /// The compressed file is damaged or cut. Packets of up to 64 KiB before the damage may be
    /// lost with it.
    #[error("decompression failed: {0}; if the file was copied, copy it again")]
    Compression(io::Error),
    /// The file ends inside a header, packet or block.
    #[error(
        "the capture ends inside a {item}: {have} of {need} bytes are there; the program that \
         wrote it was killed, or a copy is incomplete"
    )]
    Cut {
        /// What is cut.
        item: &'static str,
        /// Bytes of it that are there.
        have: usize,
        /// Bytes that it needs.
        need: usize,
    },
    /// A version that is not known.
    #[error("version {major}.{minor} of the format is not known")]
    Version {
        /// Major.
        major: u16,
        /// Minor.
        minor: u16,
    },
    /// A packet longer than the capture may hold.
    #[error(
        "a packet of {len} bytes, where {most} are possible: bytes before it are missing or wrong"
    )]
    PacketLength {
        /// As the file says.
        len: u32,
        /// What is possible here.
        most: u32,
    },
    /// A block's length that can't be.
    #[error("a block of {len} bytes, which can't be: bytes before it are missing or wrong")]
    BlockLength {
        /// As the file says.
        len: u32,
    },
    /// The length at a block's end is not the one at its start.
    #[error(
        "a block of {start} bytes says at its end that it has {end}: bytes are missing or wrong"
    )]
    BlockEnd {
        /// As its start says.
        start: u32,
        /// As its end says.
        end: u32,
    },
    /// A section that is in neither byte order.
    #[error("a section whose byte order can't be told")]
    ByteOrder,
    /// A packet of an interface that the section does not describe.
    #[error("a packet of interface {number}, of {known} that the section describes")]
    Interface {
        /// As the packet says; 0 for a simple packet.
        number: u32,
        /// Interfaces so far.
        known: usize,
    },
    /// More interfaces than any capture has.
    #[error("a section describes more than {most} interfaces")]
    Interfaces {
        /// The bound.
        most: usize,
    },
    /// An interface's options do not fit its block, so that its clock is not known.
    #[error("the options of an interface do not fit its block")]
    Options,
}
