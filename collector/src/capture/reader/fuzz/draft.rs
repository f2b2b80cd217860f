//! Writes captures, byte by byte and wrong where a test asks for it.

use crate::capture::reader::order::Order;

/// pcap with microseconds.
pub(in crate::capture::reader) const MICROSECONDS: u32 = 0xa1b2_c3d4;
/// pcap with nanoseconds.
pub(in crate::capture::reader) const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// pcap with longer packet headers.
pub(in crate::capture::reader) const MODIFIED: u32 = 0xa1b2_cd34;

/// A capture in the making.
#[derive(Clone)]
pub(in crate::capture::reader) struct Draft {
    order: Order,
    pub(in crate::capture::reader) bytes: Vec<u8>,
}

impl Draft {
    /// A pcap file without packets.
    pub(in crate::capture::reader) fn pcap(order: Order, magic: u32, link_type: u16) -> Self {
        let bytes = Vec::new();
        Self { order, bytes }
            .u32s(&[magic])
            .u16s(&[2, 4])
            .u32s(&[0, 0, 65_535, link_type.into()])
    }

    /// A packet of a pcap file: seconds, fraction, captured bytes, length on the wire.
    pub(in crate::capture::reader) fn packet(
        self,
        time: (u32, u32),
        captured: &[u8],
        original_len: u32,
    ) -> Self {
        self.u32s(&[time.0, time.1, length(captured), original_len])
            .raw(captured)
    }

    /// A pcapng file with a section without interfaces.
    pub(in crate::capture::reader) fn pcapng(order: Order) -> Self {
        let bytes = Vec::new();
        Self { order, bytes }.section(order)
    }

    /// One more section; its length is left open.
    pub(in crate::capture::reader) fn section(mut self, order: Order) -> Self {
        self.order = order;
        let body = self.part().u32s(&[0x1a2b_3c4d]).u16s(&[1, 0]);
        self.block(0x0a0d_0d0a, &body.raw(&[0xff; 8]).bytes)
    }

    /// An interface with options: code and value.
    pub(in crate::capture::reader) fn interface(
        self,
        link_type: u16,
        snap_len: u32,
        options: &[(u16, &[u8])],
    ) -> Self {
        let mut body = self.part().u16s(&[link_type, 0]).u32s(&[snap_len]);
        for (code, value) in options {
            let len = u16::try_from(value.len()).expect("options are short");
            body = body.u16s(&[*code, len]).raw(value).padded();
        }
        self.block(1, &body.bytes)
    }

    /// An enhanced packet block.
    pub(in crate::capture::reader) fn enhanced(
        self,
        interface: u32,
        units: u64,
        captured: &[u8],
        original_len: u32,
    ) -> Self {
        let head = self.part().u32s(&[interface]);
        let body = head.timed(units, captured, original_len);
        self.block(6, &body.bytes)
    }

    /// A packet block, which is obsolete.
    pub(in crate::capture::reader) fn obsolete(
        self,
        interface: u16,
        units: u64,
        captured: &[u8],
        original_len: u32,
    ) -> Self {
        let drops = 7;
        let head = self.part().u16s(&[interface, drops]);
        let body = head.timed(units, captured, original_len);
        self.block(2, &body.bytes)
    }

    /// A simple packet block.
    pub(in crate::capture::reader) fn simple(self, captured: &[u8], original_len: u32) -> Self {
        let body = self.part().u32s(&[original_len]).raw(captured).padded();
        self.block(3, &body.bytes)
    }

    /// Any block.
    pub(in crate::capture::reader) fn block(self, kind: u32, body: &[u8]) -> Self {
        let len = length(body) + 12;
        self.u32s(&[kind, len]).raw(body).u32s(&[len])
    }

    /// Bytes as they are.
    pub(in crate::capture::reader) fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    /// Numbers in the byte order.
    pub(in crate::capture::reader) fn u32s(mut self, numbers: &[u32]) -> Self {
        for number in numbers {
            self.bytes.extend(match self.order {
                Order::Little => number.to_le_bytes(),
                Order::Big => number.to_be_bytes(),
            });
        }
        self
    }

    fn u16s(mut self, numbers: &[u16]) -> Self {
        for number in numbers {
            self.bytes.extend(match self.order {
                Order::Little => number.to_le_bytes(),
                Order::Big => number.to_be_bytes(),
            });
        }
        self
    }

    fn timed(self, units: u64, captured: &[u8], original_len: u32) -> Self {
        let [high, low] = [(units >> 32) as u32, units as u32]; // its two halves
        self.u32s(&[high, low, length(captured), original_len])
            .raw(captured)
            .padded()
    }

    /// The body of a block, in the same byte order.
    fn part(&self) -> Self {
        Self {
            order: self.order,
            bytes: Vec::new(),
        }
    }

    fn padded(mut self) -> Self {
        let len = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(len, 0);
        self
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("drafts are short")
}
