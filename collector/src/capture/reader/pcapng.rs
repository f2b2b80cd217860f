//! The newer format: sections of blocks, each section in its own byte order and with interfaces of
//! its own (draft-ietf-opsawg-pcapng).

mod clock;
mod interface;

use self::interface::Interface;
use super::{Damage, Record, order::Order, stream::Stream};

/// Block types.
mod block {
    pub(super) const INTERFACE: u32 = 1;
    /// Obsolete.
    pub(super) const PACKET: u32 = 2;
    pub(super) const SIMPLE_PACKET: u32 = 3;
    pub(super) const ENHANCED_PACKET: u32 = 6;
    /// The same in both byte orders.
    pub(super) const SECTION: u32 = 0x0a0d_0d0a;
}

const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Type, length and the length once more at the end.
const FRAME: usize = 12;
/// Where a block's body starts.
const BODY: usize = 8;
/// No block is longer (MAX_BLOCK_SIZE of Wireshark).
const LONGEST: u32 = 16 << 20;
const MOST_INTERFACES: usize = 1 << 16;

/// The section that is being read.
#[derive(Default)]
pub(super) struct Pcapng {
    order: Order,
    interfaces: Vec<Interface>,
    /// Of the last packet that had a time.
    time: u64,
}

pub(super) fn is_magic(first: [u8; 4]) -> bool {
    first == block::SECTION.to_le_bytes()
}

/// What a packet block says of its packet; `header` is where its bytes are in the body.
struct Packet {
    header: usize,
    interface: u32,
    units: Option<u64>,
    captured: u32,
    original_len: u32,
}

impl Pcapng {
    /// The next packet; blocks of other types tell something or are passed.
    #[inline]
    pub(super) fn next(&mut self, stream: &mut Stream) -> Result<Option<Record>, Damage> {
        loop {
            let Some((kind, len)) = self.block(stream)? else {
                return Ok(None);
            };
            let body = stream.need(len)?.get(BODY..len - 4).unwrap_or_default();
            let packet = match kind {
                block::ENHANCED_PACKET => Some(self.enhanced(body)?),
                block::SIMPLE_PACKET => Some(self.simple(body)?),
                block::PACKET => Some(self.obsolete(body)?),
                block::INTERFACE => self.add_interface(body).map(|()| None)?,
                block::SECTION => self.begin(body).map(|()| None)?,
                _ => None,
            };
            let record = packet.map(|packet| self.record(&packet, body.len()));
            let record = record.transpose()?;
            let at = stream.take(len) + BODY;
            if let Some(record) = record {
                let at = at + record.at;
                return Ok(Some(Record { at, ..record }));
            }
        }
    }

    /// Type and length of the next block, all of which is there.
    #[inline]
    fn block(&mut self, stream: &mut Stream) -> Result<Option<(u32, usize)>, Damage> {
        let Some(header) = stream.next(FRAME, "block header")? else {
            return Ok(None);
        };
        let kind = self.order.u32(header, 0);
        if kind == block::SECTION {
            // The length can be read when the byte order is known.
            self.order = [Order::Little, Order::Big]
                .into_iter()
                .find(|order| order.u32(header, BODY) == BYTE_ORDER)
                .ok_or(Damage::ByteOrder)?;
        }
        let start = self.order.u32(header, 4);
        if !start.is_multiple_of(4) || !(FRAME as u32..=LONGEST).contains(&start) {
            return Err(Damage::BlockLength { len: start });
        }
        let len = start as usize;
        let end = self.order.u32(stream.whole(len, "block")?, len - 4);
        if start != end {
            return Err(Damage::BlockEnd { start, end });
        }
        Ok(Some((kind, len)))
    }

    fn begin(&mut self, body: &[u8]) -> Result<(), Damage> {
        at_least(body, 16)?;
        let (major, minor) = (self.order.u16(body, 4), self.order.u16(body, 6));
        if major != 1 {
            return Err(Damage::Version { major, minor });
        }
        self.interfaces.clear();
        Ok(())
    }

    fn add_interface(&mut self, body: &[u8]) -> Result<(), Damage> {
        at_least(body, 8)?;
        if self.interfaces.len() == MOST_INTERFACES {
            return Err(Damage::Interfaces {
                most: MOST_INTERFACES,
            });
        }
        self.interfaces.push(Interface::read(body, self.order)?);
        Ok(())
    }

    #[inline]
    fn enhanced(&self, body: &[u8]) -> Result<Packet, Damage> {
        at_least(body, 20)?;
        let field = |offset| self.order.u32(body, offset);
        Ok(Packet {
            header: 20,
            interface: field(0),
            units: Some(u64::from(field(4)) << 32 | u64::from(field(8))),
            captured: field(12),
            original_len: field(16),
        })
    }

    /// As the enhanced one, but for a counter of drops beside a shorter interface number.
    fn obsolete(&self, body: &[u8]) -> Result<Packet, Damage> {
        Ok(Packet {
            interface: self.order.u16(body, 0).into(),
            ..self.enhanced(body)?
        })
    }

    /// The first interface's, cut at its snap length, without a time.
    fn simple(&self, body: &[u8]) -> Result<Packet, Damage> {
        at_least(body, 4)?;
        let original_len = self.order.u32(body, 0);
        let snap_len = self.interfaces.first().map_or(0, |first| first.snap_len);
        Ok(Packet {
            header: 4,
            interface: 0,
            units: None,
            captured: match snap_len {
                0 => original_len,
                most => original_len.min(most),
            },
            original_len,
        })
    }

    /// The packet with what its interface says; its place is still that in the body.
    #[inline]
    fn record(&mut self, packet: &Packet, body: usize) -> Result<Record, Damage> {
        let found = self.interfaces.get(packet.interface as usize);
        let interface = found.ok_or(Damage::Interface {
            number: packet.interface,
            known: self.interfaces.len(),
        })?;
        let len = packet.captured as usize;
        if len > body - packet.header {
            return Err(Damage::PacketLength {
                len: packet.captured,
                most: (body - packet.header) as u32, // of a block, below 2^24
            });
        }
        if let Some(units) = packet.units {
            self.time = interface.clock.time(units);
        }
        Ok(Record {
            time: self.time,
            original_len: packet.original_len,
            link_type: interface.link_type,
            at: packet.header,
            len,
        })
    }
}

/// A block is too short for the fields that its type has.
#[inline]
fn at_least(body: &[u8], fields: usize) -> Result<(), Damage> {
    if body.len() < fields {
        return Err(Damage::BlockLength {
            len: (body.len() + FRAME) as u32, // of a block, below 2^24
        });
    }
    Ok(())
}
