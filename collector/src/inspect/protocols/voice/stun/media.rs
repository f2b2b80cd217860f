//! What follows STUN in its flow: DTLS, or RTP made SRTP (RFC 3711), told apart as RFC 7983 does,
//! bare or in ChannelData (RFC 8656, section 12).

use super::super::rtp;
use crate::inspect::reader::Reader;

/// Two packets of RTP belong together: the header of one fits other protocols as well.
pub(super) fn follow<'a, I: Iterator<Item = &'a [u8]>>(heard: impl Fn() -> I) -> bool {
    let packets = || heard().filter_map(|datagram| packet(carried(datagram)));
    packets().any(|later| packets().any(|older| later.follows(&older)))
}

pub(super) fn packet(bytes: &[u8]) -> Option<rtp::Header> {
    rtp::header(&mut Reader::whole(bytes)).ok()
}

/// What ChannelData holds, and any other datagram as it is.
pub(super) fn carried(bytes: &[u8]) -> &[u8] {
    channel_data(bytes).unwrap_or(bytes)
}

fn channel_data(bytes: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::whole(bytes);
    let channel = reader.u16("channel").ok()?;
    let length = reader.u16("length").ok()?;
    let data = reader.take(usize::from(length), "data").ok()?;
    (channel >> 12 == 4 && reader.rest().len() < 4).then_some(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::protocols::web::dtls;

    /// Alert of DTLS 1.2.
    const ALERT: &[u8] = b"\x15\xfe\xfd\0\0\0\0\0\0\0\x01\0\x02\x02\x28";

    #[test]
    fn media_in_channel_data_counts_as_well() {
        let data = [&b"\x40\x01\0\x0f"[..], ALERT, b"\0"].concat();
        assert!(dtls::begins(carried(&data)));
        assert_eq!(carried(b"\x50\x01\0\x01a"), b"\x50\x01\0\x01a");
    }
}
