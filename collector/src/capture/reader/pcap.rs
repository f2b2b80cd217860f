//! The older format: a file header, then packets behind headers of their own
//! (draft-ietf-opsawg-pcap).

use super::{Damage, Record, order::Order, stream::Stream};

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Kuznetzov's libpcap of early Linux distributions: longer packet headers.
const MODIFIED: u32 = 0xa1b2_cd34;

const FILE_HEADER: usize = 24;
const PACKET_HEADER: usize = 16;
const MODIFIED_PACKET_HEADER: usize = 24;

/// Longest packet where the file's own bound is lower (MAXIMUM_SNAPLEN of libpcap), and where it
/// is higher.
const LONGEST: u32 = 256 << 10;
const LONGEST_OF_ALL: u32 = 16 << 20;

/// What the file header says of all packets.
pub(super) struct Pcap {
    order: Order,
    link_type: u16,
    /// Captured bytes of a packet, at most.
    longest: u32,
    /// Nanoseconds in a unit of the fraction of a second.
    unit: u64,
    packet_header: usize,
}

/// Byte order, and which of the variants.
fn variant(magic: [u8; 4]) -> Option<(Order, u32)> {
    let known = |number| matches!(number, MICROSECONDS | NANOSECONDS | MODIFIED);
    [Order::Little, Order::Big]
        .map(|order| (order, order.u32(&magic, 0)))
        .into_iter()
        .find(|&(_, number)| known(number))
}

pub(super) fn is_magic(magic: [u8; 4]) -> bool {
    variant(magic).is_some()
}

impl Pcap {
    /// Reads the file header, whose magic is known.
    pub(super) fn read(stream: &mut Stream) -> Result<Self, Damage> {
        let header = stream.whole(FILE_HEADER, "file header")?;
        let magic = header.first_chunk().copied().unwrap_or_default();
        let (order, variant) = variant(magic).ok_or(Damage::NoCapture)?;
        let (major, minor) = (order.u16(header, 4), order.u16(header, 6));
        if major != 2 {
            return Err(Damage::Version { major, minor });
        }
        let pcap = Self {
            order,
            // Above it stand the length of a frame check sequence and reserved bits.
            link_type: order.u32(header, 20) as u16,
            longest: order.u32(header, 16).clamp(LONGEST, LONGEST_OF_ALL),
            unit: if variant == NANOSECONDS { 1 } else { 1000 },
            packet_header: match variant {
                MODIFIED => MODIFIED_PACKET_HEADER,
                _ => PACKET_HEADER,
            },
        };
        stream.take(FILE_HEADER);
        Ok(pcap)
    }

    #[inline]
    pub(super) fn next(&self, stream: &mut Stream) -> Result<Option<Record>, Damage> {
        let Some(header) = stream.next(self.packet_header, "packet header")? else {
            return Ok(None);
        };
        let field = |offset| self.order.u32(header, offset);
        let (seconds, fraction) = (u64::from(field(0)), u64::from(field(4)));
        let (captured, original_len) = (field(8), field(12));
        if captured > self.longest {
            return Err(Damage::PacketLength {
                len: captured,
                most: self.longest,
            });
        }
        let len = captured as usize;
        stream.whole(self.packet_header + len, "packet")?;
        Ok(Some(Record {
            // Two numbers of 32 bits stay below 2^63.
            time: seconds * 1_000_000_000 + fraction * self.unit,
            original_len,
            link_type: self.link_type,
            at: stream.take(self.packet_header + len) + self.packet_header,
            len,
        }))
    }
}
