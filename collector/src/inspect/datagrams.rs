//! One direction's window of a flow of datagrams.

use collector_common::flow::WINDOW_SEGMENTS;
use zeroize::Zeroizing;

use super::registry::Heard;

/// The first datagrams of one direction, end to end, as they came. At most `limit` bytes, zeroed on
/// drop.
pub(crate) struct Datagrams {
    limit: usize,
    /// Allocated once, for the whole window: growing would leave copies behind that nobody zeroes.
    bytes: Zeroizing<Vec<u8>>,
    ends: [u16; WINDOW_SEGMENTS as usize],
    count: usize,
}

impl Datagrams {
    /// A window of `limit` bytes; nothing is allocated before the first datagram is kept.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: Zeroizing::new(Vec::new()),
            ends: [0; WINDOW_SEGMENTS as usize],
            count: 0,
        }
    }

    /// Keeps a datagram, cut to what the window still takes.
    pub(crate) fn keep(&mut self, datagram: &[u8]) {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve_exact(self.limit);
        }
        let room = self.limit - self.bytes.len();
        self.bytes
            .extend_from_slice(datagram.get(..room).unwrap_or(datagram));
        if let Some(end) = self.ends.get_mut(self.count) {
            *end = u16::try_from(self.bytes.len()).unwrap_or(u16::MAX);
            self.count += 1;
        }
    }

    /// What is kept.
    pub(crate) fn heard(&self) -> Heard<'_> {
        Heard {
            bytes: &self.bytes,
            ends: self.ends.get(..self.count).unwrap_or_default(),
        }
    }

    /// As many datagrams are kept as the kernel ever samples.
    pub(crate) fn exhausted(&self) -> bool {
        self.count == self.ends.len()
    }

    /// Bytes on the heap.
    #[cfg(test)]
    pub(crate) fn allocated(&self) -> usize {
        self.bytes.capacity()
    }

    /// Forgets and zeroes all bytes.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_are_told_apart_and_the_last_is_cut_to_the_window() {
        let mut window = Datagrams::new(8);
        assert!(window.heard().is_empty());
        for datagram in [&b"abc"[..], b"", b"defghij"] {
            window.keep(datagram);
        }
        let kept: Vec<&[u8]> = window.heard().datagrams().collect();
        assert_eq!(kept, [&b"abc"[..], b"", b"defgh"]);
        window.clear();
        assert!(window.heard().is_empty());
    }

    #[test]
    fn the_eighth_datagram_is_the_last() {
        let mut window = Datagrams::new(16);
        for _ in 0..8 {
            assert!(!window.exhausted());
            window.keep(b"x");
        }
        assert!(window.exhausted());
        window.keep(b"x");
        assert_eq!(window.heard().datagrams().count(), 8);
    }
}
