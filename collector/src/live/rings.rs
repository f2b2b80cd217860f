//! What comes out of the rings, checked before it is believed.

use aya::maps::{MapData, RingBuf};
use collector_common::event::{Late, SampleHeader};
use zerocopy::FromBytes;

use crate::watching::health::Gauge;

/// Bytes that the kernel puts before each record (`BPF_RINGBUF_HDR_SZ`).
const RECORD_HEADER: usize = 8;

/// Hands every waiting sample to `take`; `gauge` knows the ring's size, and learns its fill.
pub(super) fn drain_samples(
    ring: &mut RingBuf<MapData>,
    gauge: &Gauge,
    mut take: impl FnMut(&SampleHeader, &[u8]),
) {
    drain(ring, gauge, |item| {
        if let Some((header, bytes)) = sample(item) {
            take(&header, bytes);
        }
    });
}

/// Hands every waiting late or overflow packet to `take`; `gauge` as above.
pub(super) fn drain_late(ring: &mut RingBuf<MapData>, gauge: &Gauge, mut take: impl FnMut(&Late)) {
    drain(ring, gauge, |item| {
        if let Ok((late, _)) = Late::read_from_prefix(item) {
            take(&late);
        }
    });
}

/// No more than a full ring holds: a flood that fills it faster than it is read must not keep the
/// agent from its ticks.
fn drain(ring: &mut RingBuf<MapData>, gauge: &Gauge, mut take: impl FnMut(&[u8])) {
    let (size, mut found) = (gauge.fill().size, 0);
    while found < size {
        let Some(item) = ring.next() else { break };
        found += (item.len() + RECORD_HEADER) as u64;
        take(&item);
    }
    gauge.found(found);
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
