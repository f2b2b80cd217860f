//! Which packet NFStream sees in a frame.

use collector_common::{
    books::Reason,
    packet::{Bytes, Link, Packet, Refusal, parse},
};

use super::encapsulated;

/// Ethertype of an 802.1Q tag.
const TAG: [u8; 2] = [0x81, 0x00];
/// Tags that are followed.
const TAGS: usize = 4;
/// Ethertype of a PPPoE session (RFC 2516).
const PPPOE_SESSION: [u8; 2] = [0x88, 0x64];
/// Headers of PPPoE (6 bytes) and PPP (2 bytes).
const PPPOE: usize = 8;
/// PPP's numbers of IPv4 and IPv6.
const PPP_IP: [[u8; 2]; 2] = [[0x00, 0x21], [0x00, 0x57]];

/// The packet in a frame, as NFStream takes it.
pub(in super::super) struct View<'a> {
    pub(in super::super) packet: Packet,
    /// Where its headers are.
    pub(in super::super) bytes: &'a [u8],
    /// Part of NFStream's key; 0 without a tag.
    pub(in super::super) vlan: u16,
}

/// Reads a frame as NFStream does: the innermost packet of a tunnel, what a PPPoE session carries,
/// no IPv4 packet whose total length is 0 (as segmentation offload leaves it in a capture).
pub(in super::super) fn view(frame: &[u8], link: Link) -> Result<View<'_>, Refusal> {
    let (vlan, session) = match link {
        Link::Ethernet => ethernet(frame),
        Link::Ip => (0, None),
    };
    let (mut bytes, mut link) = match session {
        Some(start) => (frame.get(start..).unwrap_or_default(), Link::Ip),
        None => (frame, link),
    };
    let mut packet = parse(bytes, link)?;
    if let Some(start) = encapsulated::inner(&packet, bytes) {
        (bytes, link) = (bytes.get(start..).unwrap_or_default(), Link::Ip);
        packet = parse(bytes, link)?;
    }
    if packet.version == 4 && packet.payload_len == u32::MAX {
        return Err(Refusal::Reason(Reason::Malformed));
    }
    Ok(View {
        packet,
        bytes,
        vlan,
    })
}

/// The id of the last tag, and where the IP packet of a PPPoE session begins.
fn ethernet(frame: &[u8]) -> (u16, Option<usize>) {
    let (mut vlan, mut at) = (0, 12);
    for _ in 0..TAGS {
        if frame.read(at) != Some(TAG) {
            break;
        }
        vlan = frame.read(at + 2).map_or(0, u16::from_be_bytes) & 0x0fff;
        at += 4;
    }
    let start = at + 2 + PPPOE;
    let carries_ip = frame
        .read(start - 2)
        .is_some_and(|ppp| PPP_IP.contains(&ppp));
    let session = frame.read(at) == Some(PPPOE_SESSION) && carries_ip;
    (vlan, session.then_some(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// UDP from port 1 to port 2 without payload.
    fn udp() -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0];
        packet.extend([192, 0, 2, 1, 192, 0, 2, 2, 0, 1, 0, 2, 0, 8, 0, 0]);
        packet
    }

    fn ethernet_of(ethertype: &[u8], rest: &[u8]) -> Vec<u8> {
        [&[0; 12], ethertype, rest].concat()
    }

    #[test]
    fn a_tag_is_part_of_the_key() {
        let tagged = ethernet_of(&[0x81, 0, 0xf0, 5, 8, 0], &udp());
        let once = view(&tagged, Link::Ethernet).ok().unwrap();
        assert_eq!((once.vlan, once.packet.source_port), (5, 1));
        let tagged = ethernet_of(&[0x81, 0, 0, 5, 0x81, 0, 3, 0x11, 8, 0], &udp());
        assert_eq!(view(&tagged, Link::Ethernet).ok().unwrap().vlan, 785);
    }

    #[test]
    fn a_session_of_pppoe_carries_ip() {
        let header = [0x11, 0, 0, 9, 0, 30, 0, 0x21];
        let session = ethernet_of(&PPPOE_SESSION, &[&header[..], &udp()].concat());
        assert_eq!(
            view(&session, Link::Ethernet)
                .ok()
                .unwrap()
                .packet
                .source_port,
            1
        );
        let control = [0x11, 0, 0, 9, 0, 30, 0xc0, 0x21];
        let session = ethernet_of(&PPPOE_SESSION, &[&control[..], &udp()].concat());
        assert!(view(&session, Link::Ethernet).is_err());
        for cut in 0..30 {
            let _ = view(&session[..cut], Link::Ethernet);
        }
    }

    #[test]
    fn the_inner_packet_of_a_tunnel_is_the_one() {
        let mut outer = udp();
        outer.truncate(20);
        (outer[3], outer[9]) = (48, 4);
        let tunnel = [outer, udp()].concat();
        let view = view(&tunnel, Link::Ip).ok().unwrap();
        assert_eq!((view.packet.protocol, view.packet.source_port), (17, 1));
        assert_eq!(view.bytes.len(), 28);
    }

    #[test]
    fn a_total_length_of_zero_is_no_packet() {
        let mut packet = udp();
        assert!(view(&packet, Link::Ip).is_ok());
        packet[3] = 0;
        let refused = view(&packet, Link::Ip).err();
        assert_eq!(refused, Some(Refusal::Reason(Reason::Malformed)));
    }
}
