//! What one side of a flow has said, and which dissectors have heard enough of it.

use super::{
    datagrams::Datagrams,
    reassembly::Stream,
    registry::{Heard, Transport},
};

/// As many dissectors as one transport may have.
const MOST: usize = 512;

/// One side's window.
pub(crate) struct Said {
    window: Window,
    /// By rank: whom the stream has proved to be of another protocol.
    ruled_out: [u64; MOST / 64],
}

enum Window {
    Stream(Stream),
    Datagrams(Datagrams),
}

impl Said {
    /// Nothing yet, of `limit` bytes at most.
    pub(crate) fn new(transport: Option<Transport>, limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or_default();
        let window = match transport {
            Some(Transport::Udp) => Window::Datagrams(Datagrams::new(limit)),
            _ => Window::Stream(Stream::new(limit)),
        };
        Self {
            window,
            ruled_out: [0; MOST / 64],
        }
    }

    /// Adds a segment; says whether there is more to judge, as [`Stream::insert`] does.
    pub(crate) fn insert(&mut self, offset: i32, bytes: &[u8]) -> bool {
        match &mut self.window {
            Window::Stream(stream) => stream.insert(offset, bytes),
            Window::Datagrams(_) => false,
        }
    }

    /// The stream begins with these bytes, of which nothing is kept yet, and goes on behind them.
    /// Zeros may be padding that is no part of it.
    pub(crate) fn begins_with(&self, offset: i32, bytes: &[u8]) -> bool {
        match &self.window {
            Window::Stream(stream) => {
                offset == 0
                    && stream.is_untouched()
                    && bytes.len() < stream.limit()
                    && bytes.first().is_some_and(|&first| first != 0)
            }
            Window::Datagrams(_) => false,
        }
    }

    /// Keeps a datagram.
    pub(crate) fn keep(&mut self, datagram: &[u8]) {
        if let Window::Datagrams(datagrams) = &mut self.window {
            datagrams.keep(datagram);
        }
    }

    /// What can be judged: a stream's bytes without a gap, or all datagrams.
    pub(crate) fn heard(&self) -> Heard<'_> {
        match &self.window {
            Window::Stream(stream) => Heard {
                bytes: stream.prefix(),
                ends: &[],
            },
            Window::Datagrams(datagrams) => datagrams.heard(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.heard().is_empty()
    }

    /// Nothing more will come.
    pub(crate) fn exhausted(&self) -> bool {
        match &self.window {
            Window::Stream(stream) => stream.exhausted(),
            Window::Datagrams(datagrams) => datagrams.exhausted(),
        }
    }

    /// The dissector of `rank` need not be asked about this stream again.
    pub(crate) fn ruled_out(&self, rank: usize) -> bool {
        self.ruled_out
            .get(rank / 64)
            .is_some_and(|word| word >> (rank % 64) & 1 == 1)
    }

    /// Remembers that the dissector of `rank` found another protocol.
    pub(crate) fn rule_out(&mut self, rank: usize) {
        if let Some(word) = self.ruled_out.get_mut(rank / 64) {
            *word |= 1 << (rank % 64);
        }
    }

    /// Bytes on the heap.
    #[cfg(test)]
    pub(crate) fn allocated(&self) -> usize {
        match &self.window {
            Window::Stream(stream) => stream.allocated(),
            Window::Datagrams(datagrams) => datagrams.allocated(),
        }
    }

    /// Forgets and zeroes what was said.
    pub(crate) fn clear(&mut self) {
        match &mut self.window {
            Window::Stream(stream) => stream.clear(),
            Window::Datagrams(datagrams) => datagrams.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::protocols;

    #[test]
    fn each_dissector_has_a_bit_of_its_own() {
        for transport in [Transport::Tcp, Transport::Udp] {
            assert!(protocols::of(transport).len() <= MOST);
        }
        let mut said = Said::new(Some(Transport::Tcp), 16);
        said.rule_out(70);
        assert!(said.ruled_out(70));
        assert!(!said.ruled_out(6) && !said.ruled_out(71));
    }
}
