//! One direction's window of a TCP stream, put together by sequence offset.

use std::ops::Range;

use collector_common::flow::WINDOW_SEGMENTS;
use zeroize::Zeroizing;

/// The first bytes of one direction. Pieces come in any order and may overlap; where they do, the
/// first to arrive counts. At most `limit` bytes, zeroed on drop.
pub(crate) struct Stream {
    limit: usize,
    /// The most pieces that are taken.
    most: u8,
    /// Allocated once, for the whole window: growing would leave copies behind that nobody zeroes.
    bytes: Zeroizing<Vec<u8>>,
    /// What is present: sorted, disjoint, never adjacent.
    present: Vec<Range<usize>>,
    pieces: u8,
    /// So many zeros came first of all, and are in doubt.
    padding: usize,
}

/// What a frame of Ethernet lacks behind the shortest headers of IPv4 and TCP. Links pad such a
/// frame with zeros, and some hosts count those of an empty segment as payload.
const LONGEST_PADDING: usize = 6;

impl Stream {
    /// A window of `limit` bytes; nothing is allocated before the first piece.
    pub(crate) fn new(limit: usize) -> Self {
        Self::of_pieces(limit, WINDOW_SEGMENTS)
    }

    /// A window of `limit` bytes that takes `most` pieces: one that the kernel does not sample.
    pub(crate) fn of_pieces(limit: usize, most: u8) -> Self {
        Self {
            limit,
            most,
            bytes: Zeroizing::new(Vec::new()),
            present: Vec::new(),
            pieces: 0,
            padding: 0,
        }
    }

    /// Nothing has come.
    pub(crate) fn is_untouched(&self) -> bool {
        self.pieces == 0 && self.padding == 0
    }

    /// Bytes of the window.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Adds `bytes` at `offset` from the window's start, cut to the window. Says whether the prefix
    /// grew or nothing more will come. A few zeros that come first are payload once something
    /// follows them, and padding if something else takes their place.
    pub(crate) fn insert(&mut self, offset: i32, bytes: &[u8]) -> bool {
        let zeros = bytes.len() <= LONGEST_PADDING && bytes.iter().all(|&byte| byte == 0);
        if zeros && offset == 0 && self.present.is_empty() {
            self.padding = self.padding.max(bytes.len());
            return false;
        }
        let before = std::mem::take(&mut self.padding);
        if before > 0 && offset > 0 {
            self.add(0, [0; LONGEST_PADDING].get(..before).unwrap_or_default());
        }
        self.add(offset, bytes)
    }

    fn add(&mut self, offset: i32, bytes: &[u8]) -> bool {
        if self.exhausted() {
            return false;
        }
        let Some((start, bytes)) = self.clip(offset, bytes) else {
            return false;
        };
        let before = self.prefix().len();
        self.pieces += 1;
        self.copy_missing(start, bytes);
        self.note(start..start + bytes.len());
        self.exhausted() || self.prefix().len() > before
    }

    /// The bytes without a gap from the window's start.
    pub(crate) fn prefix(&self) -> &[u8] {
        match self.present.first() {
            Some(span) if span.start == 0 => self.bytes.get(..span.end).unwrap_or_default(),
            _ => &[],
        }
    }

    /// The window is full, or as many pieces were taken as ever are: no more than the kernel samples.
    pub(crate) fn exhausted(&self) -> bool {
        self.prefix().len() == self.limit || self.pieces >= self.most
    }

    /// Bytes on the heap.
    #[cfg(test)]
    pub(crate) fn allocated(&self) -> usize {
        self.bytes.capacity() + self.present.capacity() * size_of::<Range<usize>>()
    }

    /// Forgets and zeroes all bytes.
    pub(crate) fn clear(&mut self) {
        *self = Self::of_pieces(self.limit, self.most);
    }

    fn clip<'a>(&self, offset: i32, bytes: &'a [u8]) -> Option<(usize, &'a [u8])> {
        let (start, bytes) = match usize::try_from(offset) {
            Ok(start) => (start, bytes),
            Err(_) => {
                let before = usize::try_from(offset.unsigned_abs()).ok()?;
                (0, bytes.get(before..)?)
            }
        };
        let room = self.limit.checked_sub(start)?;
        let bytes = bytes.get(..room).unwrap_or(bytes);
        (!bytes.is_empty()).then_some((start, bytes))
    }

    /// Copies what is not present yet.
    fn copy_missing(&mut self, start: usize, bytes: &[u8]) {
        let end = start + bytes.len();
        if self.bytes.capacity() == 0 {
            self.bytes.reserve_exact(self.limit);
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let mut from = start;
        for span in &self.present {
            copy(&mut self.bytes, start, bytes, from..span.start.min(end));
            from = from.max(span.end);
        }
        copy(&mut self.bytes, start, bytes, from..end);
    }

    /// Merges `span` with what it touches. At most one span per piece, so the list stays short.
    fn note(&mut self, mut span: Range<usize>) {
        self.present.retain(|other| {
            let touches = other.start <= span.end && span.start <= other.end;
            if touches {
                span = span.start.min(other.start)..span.end.max(other.end);
            }
            !touches
        });
        let place = self
            .present
            .partition_point(|other| other.start < span.start);
        self.present.insert(place, span);
    }
}

/// Copies the part of `bytes`, which begin at `start`, that belongs at `at`; nothing if that is
/// empty.
fn copy(window: &mut [u8], start: usize, bytes: &[u8], at: Range<usize>) {
    let source = at.start.saturating_sub(start)..at.end.saturating_sub(start);
    if let (Some(to), Some(from)) = (window.get_mut(at), bytes.get(source)) {
        to.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pieces_out_of_order_join_when_the_gap_closes() {
        let mut stream = Stream::new(16);
        assert!(!stream.insert(4, b"efgh"));
        assert_eq!(stream.prefix(), b"");
        assert!(stream.insert(0, b"ab"));
        assert_eq!(stream.prefix(), b"ab");
        assert!(stream.insert(2, b"cd"));
        assert_eq!(stream.prefix(), b"abcdefgh");
    }

    #[test]
    fn the_first_bytes_win_where_pieces_overlap() {
        let mut stream = Stream::new(16);
        stream.insert(2, b"CD");
        stream.insert(5, b"F");
        stream.insert(0, b"abcdefgh");
        assert_eq!(stream.prefix(), b"abCDeFgh");
        assert!(!stream.insert(0, b"xxxxxxxx"));
        assert_eq!(stream.prefix(), b"abCDeFgh");
    }

    #[test]
    fn zeros_that_come_first_are_padding_where_something_else_takes_their_place() {
        let mut stream = Stream::new(64);
        assert!(!stream.insert(0, &[0; 6]));
        assert!(stream.insert(0, b"GET / HTTP/1.1"));
        assert_eq!(stream.prefix(), b"GET / HTTP/1.1");
    }

    #[test]
    fn zeros_that_come_first_are_payload_where_something_follows_them() {
        let mut stream = Stream::new(64);
        stream.insert(0, &[0; 3]);
        assert!(stream.insert(3, b"\x1dabc"));
        assert_eq!(stream.prefix(), b"\0\0\0\x1dabc");
    }

    #[test]
    fn what_lies_before_or_behind_the_window_is_cut() {
        let mut stream = Stream::new(4);
        assert!(!stream.insert(-3, b"abc"));
        assert!(!stream.insert(i32::MIN, b"abc"));
        assert!(!stream.insert(4, b"z"));
        assert!(!stream.insert(i32::MAX, b"z"));
        assert!(stream.insert(-2, b"xyab"));
        assert_eq!(stream.prefix(), b"ab");
        assert!(stream.insert(2, b"cdef"));
        assert_eq!(stream.prefix(), b"abcd");
        assert!(stream.exhausted());
    }

    #[test]
    fn the_eighth_piece_is_the_last() {
        let mut stream = Stream::new(4096);
        for offset in 0..7 {
            assert!(!stream.insert(10 + 2 * offset, b"x"));
        }
        assert!(stream.insert(100, b"x"));
        assert!(stream.exhausted());
        assert!(!stream.insert(0, b"late"));
        assert_eq!(stream.prefix(), b"");
    }

    proptest! {
        #[test]
        fn a_byte_once_seen_never_changes(
            pieces in prop::collection::vec((-20i32..80, prop::collection::vec(1u8.., 0..40)), 0..12)
        ) {
            let mut stream = Stream::new(64);
            let mut model = [None::<u8>; 64];
            for (offset, bytes) in &pieces {
                if !stream.exhausted() {
                    for (at, byte) in (*offset..).zip(bytes) {
                        if let Some(slot) = usize::try_from(at).ok().and_then(|at| model.get_mut(at)) {
                            slot.get_or_insert(*byte);
                        }
                    }
                }
                stream.insert(*offset, bytes);
                let expected: Vec<u8> = model.iter().map_while(|byte| *byte).collect();
                prop_assert_eq!(stream.prefix(), &expected[..]);
            }
        }
    }
}
