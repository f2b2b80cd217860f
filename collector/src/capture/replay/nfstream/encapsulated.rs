//! Packets inside packets, as NFStream sees them: of IP in IP (RFC 2003, RFC 2473, RFC 4213)
//! and of GTP-U (3GPP TS 29.281, section 5) it meters the inner one. The live meter counts the
//! outer one, which is what the wire carried.

use collector_common::packet::{Bytes, Packet, protocol};

/// IPv4 in IP.
const IPV4: u8 = 4;
/// IPv6 in IP.
const IPV6: u8 = 41;
/// GTP-U's port.
const GTP_U: u16 = 2152;
/// GTP version 1, protocol type GTP; the upper four bits.
const GTP_V1: u8 = 0x30;
/// Message type of a user's packet.
const G_PDU: u8 = 255;
/// Extension headers that are followed.
const EXTENSIONS: usize = 8;

/// Where in `frame` the packet begins that `outer` carries.
pub(super) fn inner(outer: &Packet, frame: &[u8]) -> Option<usize> {
    let payload = outer.payload as usize;
    let ports = [outer.source_port, outer.destination_port];
    let start = match outer.protocol {
        IPV4 | IPV6 => payload,
        protocol::UDP if ports.contains(&GTP_U) => gtp_payload(frame, payload)?,
        _ => return None,
    };
    let [first] = frame.read(start)?;
    matches!(first >> 4, 4 | 6).then_some(start)
}

/// Where the payload of a G-PDU begins.
fn gtp_payload(frame: &[u8], start: usize) -> Option<usize> {
    let [flags, kind] = frame.read(start)?;
    if flags & 0xf0 != GTP_V1 || kind != G_PDU {
        return None;
    }
    // Any of the flags for extension, sequence number and N-PDU number brings all three fields.
    if flags & 0x07 == 0 {
        return Some(start + 8);
    }
    let mut end = start + 12;
    let mut next = if flags & 0x04 != 0 {
        frame.read::<1>(start + 11)?[0]
    } else {
        0
    };
    for _ in 0..EXTENSIONS {
        if next == 0 {
            return Some(end);
        }
        // A length in units of four bytes, the contents, the next type in the last byte.
        let [units] = frame.read(end)?;
        if units == 0 {
            return None;
        }
        end += usize::from(units) * 4;
        [next] = frame.read(end - 1)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outer(protocol: u8, port: u16) -> Packet {
        Packet {
            protocol,
            destination_port: port,
            payload: 4,
            ..Packet::default()
        }
    }

    #[test]
    fn ip_in_ip_begins_where_the_outer_header_ends() {
        let frame = [0, 0, 0, 0, 0x45, 0];
        assert_eq!(inner(&outer(IPV4, 0), &frame), Some(4));
        let v6 = [0, 0, 0, 0, 0x60, 0];
        assert_eq!(inner(&outer(IPV6, 0), &v6), Some(4));
        assert_eq!(inner(&outer(47, 0), &frame), None);
        assert_eq!(inner(&outer(IPV4, 0), &frame[..4]), None, "cut");
    }

    #[test]
    fn a_gtp_header_is_passed_with_its_extensions() {
        let plain = [0, 0, 0, 0, 0x30, 255, 0, 20, 0, 0, 0, 1, 0x45];
        assert_eq!(inner(&outer(17, GTP_U), &plain), Some(12));
        let mut extended = vec![0, 0, 0, 0, 0x34, 255, 0, 24, 0, 0, 0, 1, 0, 0, 0, 0x85];
        extended.extend([1, 0, 9, 0, 0x60]);
        assert_eq!(inner(&outer(17, GTP_U), &extended), Some(20));
    }

    #[test]
    fn what_is_no_g_pdu_or_is_cut_has_no_inner_packet() {
        let echo = [0, 0, 0, 0, 0x30, 1, 0, 20, 0, 0, 0, 1, 0x45];
        assert_eq!(inner(&outer(17, GTP_U), &echo), None);
        let endless = [0x34, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        let mut frame = vec![0; 4];
        frame.extend(endless);
        assert_eq!(inner(&outer(17, GTP_U), &frame), None);
        for cut in 4..frame.len() {
            assert_eq!(inner(&outer(17, GTP_U), &frame[..cut]), None);
        }
    }
}
