//! What a section says of one of its interfaces.

use super::{super::order::Order, clock::Clock};
use crate::capture::reader::Damage;

/// Option codes of the interface description block.
mod option {
    pub(super) const END: u16 = 0;
    pub(super) const RESOLUTION: u16 = 9;
    pub(super) const OFFSET: u16 = 14;
}

/// An interface description block (section 4.2 of the draft).
pub(super) struct Interface {
    pub(super) link_type: u16,
    /// Captured bytes of a packet at most; 0: no bound.
    pub(super) snap_len: u32,
    pub(super) clock: Clock,
}

impl Interface {
    /// From a body of at least 8 bytes.
    pub(super) fn read(body: &[u8], order: Order) -> Result<Self, Damage> {
        Ok(Self {
            link_type: order.u16(body, 0),
            snap_len: order.u32(body, 4),
            clock: clock(body.get(8..).unwrap_or_default(), order)?,
        })
    }
}

/// Options are a code, a length and a value that is padded to four bytes.
fn clock(mut options: &[u8], order: Order) -> Result<Clock, Damage> {
    let (mut resolution, mut offset) = (6, 0);
    while let Some((head, rest)) = options.split_first_chunk::<4>() {
        let (code, len) = (order.u16(head, 0), usize::from(order.u16(head, 2)));
        if code == option::END {
            break;
        }
        let value = rest.get(..len).ok_or(Damage::Options)?;
        match (code, value) {
            (option::RESOLUTION, &[exponent]) => resolution = exponent,
            (option::OFFSET, &[a, b, c, d, e, f, g, h]) => {
                offset = order.i64([a, b, c, d, e, f, g, h]);
            }
            (option::RESOLUTION | option::OFFSET, _) => return Err(Damage::Options),
            _ => {}
        }
        options = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(Clock::new(resolution, offset))
}
