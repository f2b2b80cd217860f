//! A window of bytes that moves along a source.

use std::io::{self, Read};

use super::{Damage, input::Input};

/// The bytes of one source, as many as the next item needs.
pub(super) struct Stream {
    input: Input,
    buffer: Vec<u8>,
    /// What is read and not yet taken: `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Of `start`, in the uncompressed source.
    offset: u64,
    at_end: bool,
    /// Nothing is read, so that all that is taken stays where it is.
    held: bool,
}

impl Stream {
    pub(super) fn new(input: Input, buffer: Vec<u8>) -> Self {
        Self {
            input,
            buffer,
            start: 0,
            end: 0,
            offset: 0,
            at_end: false,
            held: false,
        }
    }

    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    /// Where the next item starts.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.input.bytes_read()
    }

    /// Bytes that [`Stream::take`] gave a place; valid until the next are read.
    #[inline]
    pub(super) fn bytes(&self, at: usize, len: usize) -> &[u8] {
        &self.buffer[at..at + len]
    }

    /// From now on nothing more is read, or again: what is not there counts as the end.
    pub(super) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// What is there of the next item: `count` bytes or more, or fewer at the end.
    #[inline]
    pub(super) fn need(&mut self, count: usize) -> Result<&[u8], Damage> {
        if self.end - self.start < count && !self.held {
            self.refill(count)?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// The next item's `count` bytes or more.
    #[inline]
    pub(super) fn whole(&mut self, count: usize, item: &'static str) -> Result<&[u8], Damage> {
        let bytes = self.need(count)?;
        if bytes.len() < count {
            return Err(Damage::Cut {
                item,
                have: bytes.len(),
                need: count,
            });
        }
        Ok(bytes)
    }

    /// As [`Stream::whole`]; `None` where the source ends before the item.
    #[inline]
    pub(super) fn next(
        &mut self,
        count: usize,
        item: &'static str,
    ) -> Result<Option<&[u8]>, Damage> {
        let bytes = self.whole(count, item);
        match bytes {
            Err(Damage::Cut { have: 0, .. }) => Ok(None),
            bytes => bytes.map(Some),
        }
    }

    /// Passes an item of `count` bytes that is there; its place for [`Stream::bytes`].
    #[inline]
    pub(super) fn take(&mut self, count: usize) -> usize {
        let at = self.start;
        self.start += count;
        self.offset += count as u64;
        at
    }

    /// Reads until `count` bytes are there or the source ends. What is left of the last read, less
    /// than an item, moves to the front. The buffer grows only with bytes that are there, not with
    /// a length that a file claims.
    #[cold]
    fn refill(&mut self, count: usize) -> Result<(), Damage> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < count && !self.at_end {
            if self.end == self.buffer.len() {
                self.buffer.resize(count.min(2 * self.end.max(64)), 0);
            }
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(read) => {
                    self.end += read;
                    self.at_end = read == 0;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.input.damage(error)),
            }
        }
        Ok(())
    }
}
