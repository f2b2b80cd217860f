//! What comes out of the rings, checked before it is believed.

use std::{
    os::fd::{AsFd, OwnedFd},
    time::{Duration, Instant},
};

use aya::maps::{MapData, RingBuf};
use collector_common::event::{Late, SampleHeader};
use zerocopy::FromBytes;

/// Bytes that the kernel puts before each record (`BPF_RINGBUF_HDR_SZ`).
const RECORD_HEADER: usize = 8;
/// Bytes that a late or overflow packet takes of its ring.
pub(super) const LATE_RECORD: usize = size_of::<Late>() + RECORD_HEADER;

/// A ring, and its size in bytes.
pub(super) struct Ring {
    ring: RingBuf<MapData>,
    size: usize,
    /// Nothing waited any more when it was read last.
    emptied: bool,
}

impl Ring {
    pub(super) fn new(ring: RingBuf<MapData>, size: u32) -> Self {
        let size = size as usize;
        Self {
            ring,
            size,
            emptied: true,
        }
    }

    /// Bytes that it holds at most.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// A descriptor to poll: readable when something waits, and woken when much does.
    pub(super) fn descriptor(&self) -> std::io::Result<OwnedFd> {
        self.ring.as_fd().try_clone_to_owned()
    }

    /// Nothing waited any more when it was read last.
    pub(super) fn is_emptied(&self) -> bool {
        self.emptied
    }

    /// Hands waiting samples to `take` until there are none, or `bytes` of the ring were read.
    pub(super) fn samples(&mut self, bytes: usize, mut take: impl FnMut(&SampleHeader, &[u8])) {
        self.drain(bytes, |item| {
            if let Some((header, bytes)) = sample(item) {
                take(&header, bytes);
            }
        });
    }

    /// The same with late or overflow packets.
    pub(super) fn packets(&mut self, bytes: usize, mut take: impl FnMut(&Late)) {
        self.drain(bytes, |item| {
            if let Ok((late, _)) = Late::read_from_prefix(item) {
                take(&late);
            }
        });
    }

    /// Bounded: a flood that fills a ring faster than it is read must not keep its reader from
    /// everything else.
    fn drain(&mut self, bytes: usize, mut take: impl FnMut(&[u8])) {
        let mut left = bytes;
        self.emptied = false;
        while left > 0 {
            let Some(item) = self.ring.next() else {
                self.emptied = true;
                return;
            };
            left = left.saturating_sub(item.len() + RECORD_HEADER);
            take(&item);
        }
    }
}

/// The ring of late packets, and those that were taken out of it while the agent was busy.
pub(super) struct LateRing {
    ring: Ring,
    /// In the order in which they came; as many as the ring holds at most.
    held: Vec<Late>,
    /// When the agent asked last.
    asked: Instant,
}

/// Without a question for so long, the agent is busy.
const BUSY: Duration = Duration::from_millis(100);

impl LateRing {
    pub(super) fn new(ring: Ring) -> Self {
        Self {
            ring,
            held: Vec::new(),
            asked: Instant::now(),
        }
    }

    pub(super) fn descriptor(&self) -> std::io::Result<OwnedFd> {
        self.ring.descriptor()
    }

    /// Somebody asks, whether or not there is room for an answer.
    pub(super) fn ask(&mut self) {
        self.asked = Instant::now();
    }

    /// Nothing waited any more when it was read last.
    pub(super) fn is_emptied(&self) -> bool {
        self.held.is_empty() && self.ring.is_emptied()
    }

    /// Hands every waiting packet to `take`, those that were held first.
    pub(super) fn drain(&mut self, mut take: impl FnMut(&Late)) {
        // The buffer goes with them: emptied, it would keep their keys in memory.
        std::mem::take(&mut self.held).iter().for_each(&mut take);
        self.ring.packets(self.ring.size(), take);
    }

    /// Makes room in the ring while nobody asks.
    pub(super) fn hold_while_busy(&mut self) {
        if self.asked.elapsed() < BUSY {
            return;
        }
        let room = self
            .ring
            .size()
            .saturating_sub(self.held.len() * LATE_RECORD);
        let held = &mut self.held;
        self.ring.packets(room, |late| held.push(*late));
    }
}

fn sample(record: &[u8]) -> Option<(SampleHeader, &[u8])> {
    let (header, bytes) = SampleHeader::read_from_prefix(record).ok()?;
    Some((header, bytes.get(..header.taken as usize)?))
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes;

    use super::*;

    #[test]
    fn a_sample_gives_the_bytes_that_were_taken_and_not_the_room_behind() {
        let header = SampleHeader {
            id: 7,
            taken: 3,
            ..SampleHeader::default()
        };
        let mut record = header.as_bytes().to_vec();
        record.extend_from_slice(b"abc-undefined");
        let (found, bytes) = sample(&record).unwrap();
        assert_eq!((found.id, bytes), (7, &b"abc"[..]));
    }

    #[test]
    fn a_sample_that_claims_more_than_it_has_is_refused() {
        let header = SampleHeader {
            taken: 4,
            ..SampleHeader::default()
        };
        let mut record = header.as_bytes().to_vec();
        record.extend_from_slice(b"abc");
        assert!(sample(&record).is_none());
        assert!(sample(&record[..10]).is_none());
    }
}
