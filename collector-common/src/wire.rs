//! Wire truth: how many packets and bytes a buffer stood for on the wire, whatever GSO, GRO,
//! TSO or VLAN acceleration show (include/linux/skbuff.h, net/core/dev.c
//! `qdisc_pkt_len_init`). A byte count is the frame with its Ethernet header and without the
//! FCS; on L3 devices the packet.

#[cfg(feature = "std")]
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Packets and bytes, counted together.
#[repr(C)]
#[cfg_attr(feature = "std", derive(FromBytes, Immutable, IntoBytes, KnownLayout))]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Wire segments.
    pub packets: u64,
    /// Wire bytes.
    pub bytes: u64,
}

impl Tally {
    /// Adds that to this; for one owner.
    #[inline(always)]
    pub fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }

    /// This plus that.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            packets: self.packets + other.packets,
            bytes: self.bytes + other.bytes,
        }
    }

    /// This minus that, at least zero: what came since `baseline`.
    #[must_use]
    pub fn since(self, baseline: Self) -> Self {
        Self {
            packets: self.packets.saturating_sub(baseline.packets),
            bytes: self.bytes.saturating_sub(baseline.bytes),
        }
    }
}

/// Bytes of an 802.1Q tag that acceleration keeps outside the buffer.
const TAG: u64 = 4;
/// Bytes of the hop-by-hop header that a jumbo (BIG TCP) buffer has and the wire has not.
const JUMBO_HEADER: u64 = 8;
/// `gso_size` that means "by fragment list" (SCTP), not a size (GSO_BY_FRAGS).
const GSO_BY_FRAGS: u32 = 0xffff;

/// What a socket buffer says of itself at a TC hook.
#[derive(Clone, Copy, Debug, Default)]
pub struct Buffer {
    /// Bytes from the link header on.
    pub len: u32,
    /// Segments, 0 when unknown or not segmented.
    pub gso_segs: u32,
    /// Payload bytes per segment, 0 when not segmented.
    pub gso_size: u32,
    /// `qdisc_skb_cb` length: at egress what the wire will carry; 0 where not known.
    pub wire_len: u32,
    /// An 802.1Q tag stands outside the data.
    pub tag_outside: bool,
    /// At the egress hook.
    pub egress: bool,
}

impl Buffer {
    /// The plain case that needs no headers: one segment. `None` asks for [`Buffer::segmented`].
    #[inline(always)]
    #[must_use]
    pub fn single(&self) -> Option<Tally> {
        if self.gso_size != 0 {
            return None;
        }
        let tag = if self.tag_outside { TAG } else { 0 };
        Some(Tally {
            packets: 1,
            bytes: u64::from(self.len) + tag,
        })
    }

    /// Packets and bytes of a buffer with `gso_size`.
    ///
    /// `header`: bytes from the link header through the innermost transport header, 0 when the
    /// frame could not be read so far. `jumbo`: the buffer has a hop-by-hop jumbo header.
    #[inline(always)]
    #[must_use]
    pub fn segmented(&self, header: u32, jumbo: bool) -> Tally {
        let len = u64::from(self.len);
        let extra = if jumbo { JUMBO_HEADER } else { 0 };
        let header = u64::from(header);
        let mut segments = u64::from(self.gso_segs);
        if segments == 0 && self.gso_size != GSO_BY_FRAGS && self.gso_size != 0 {
            let size = u64::from(self.gso_size);
            segments = len.saturating_sub(header).div_ceil(size);
        }
        if segments == 0 {
            segments = 1;
        }
        let repeated = if self.egress && self.wire_len != 0 && self.gso_segs != 0 {
            u64::from(self.wire_len).saturating_sub(segments * extra)
        } else {
            // Every segment but the first repeats the headers, without the jumbo one.
            (len + (segments - 1) * header.saturating_sub(extra)).saturating_sub(extra)
        };
        let tag = if self.tag_outside { segments * TAG } else { 0 };
        Tally {
            packets: segments,
            bytes: repeated + tag,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_frame_is_one_packet_of_its_length() {
        let buffer = Buffer {
            len: 1514,
            ..Buffer::default()
        };
        assert_eq!(
            buffer.single(),
            Some(Tally {
                packets: 1,
                bytes: 1514
            })
        );
    }

    #[test]
    fn a_tag_outside_the_data_counts_on_every_segment() {
        let one = Buffer {
            len: 60,
            tag_outside: true,
            ..Buffer::default()
        };
        assert_eq!(one.single().unwrap().bytes, 64);
        let many = Buffer {
            len: 54 + 2 * 1000,
            gso_segs: 2,
            gso_size: 1000,
            tag_outside: true,
            ..Buffer::default()
        };
        assert_eq!(
            many.segmented(54, false),
            Tally {
                packets: 2,
                bytes: 2 * (54 + 1000 + 4)
            }
        );
    }

    #[test]
    fn segments_are_derived_where_the_device_left_them_at_zero() {
        // tap and virtio-net receive: 20 segments of 1448 bytes behind one header of 66.
        let buffer = Buffer {
            len: 66 + 20 * 1448 - 12,
            gso_size: 1448,
            ..Buffer::default()
        };
        let wire = buffer.segmented(66, false);
        assert_eq!(
            wire,
            Tally {
                packets: 20,
                bytes: 20 * 66 + 20 * 1448 - 12
            }
        );
    }

    #[test]
    fn egress_takes_the_length_that_the_queue_was_told() {
        let buffer = Buffer {
            len: 66 + 3 * 1448,
            gso_segs: 3,
            gso_size: 1448,
            wire_len: 3 * (66 + 1448),
            egress: true,
            ..Buffer::default()
        };
        assert_eq!(
            buffer.segmented(66, false),
            Tally {
                packets: 3,
                bytes: 3 * 1514
            }
        );
    }

    #[test]
    fn the_jumbo_header_is_not_on_the_wire() {
        let header = 14 + 40 + 8 + 32;
        let ingress = Buffer {
            len: header + 2 * 1000,
            gso_segs: 2,
            gso_size: 1000,
            ..Buffer::default()
        };
        let wire = ingress.segmented(header, true);
        assert_eq!(wire.bytes, 2 * (u64::from(header) - 8 + 1000));
        let egress = Buffer {
            wire_len: 2 * (header + 1000),
            egress: true,
            ..ingress
        };
        assert_eq!(egress.segmented(header, true).bytes, wire.bytes);
    }

    #[test]
    fn a_fragment_list_has_no_segment_size() {
        let buffer = Buffer {
            len: 5000,
            gso_size: 0xffff,
            ..Buffer::default()
        };
        assert_eq!(
            buffer.segmented(46, false),
            Tally {
                packets: 1,
                bytes: 5000
            }
        );
    }
}
