//! Packets that fuzzing starts from: one of each way through the parser.

use std::{vec, vec::Vec};

const ETHERNET: &[u8] = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01";
const V4: &[u8] = b"\x08\0";
const V6: &[u8] = b"\x86\xdd";
const PORTS: &[u8] = b"\x9c\x40\x01\xbb";
/// Behind the packet: what [`super::packet_path`] makes a flow's next packets of: an answer, the
/// end of both sides, a sweep.
const TURNS: &[u8] = b"\x01\x10\x01\0\0\0\0\0\0\x01\x02\0\x10\0\0\0\x01\x01\x02\0\x20\0\0\0\
    \x04\0\x04\0\0\0\0\0\x05\0\0\x20\0\0\0\0\x04\0\0\x40\0\0\0\0";

/// What [`super::packet_path`] takes: a byte for the link, then the frame.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let (tcp, udp) = (tcp(), udp(b"hello"));
    let inner = ipv4(17, &udp);
    let framed = [ETHERNET, V4, &inner].concat();
    let [vxlan, geneve] = [
        [&[8, 0, 0, 0, 0, 0, 1, 0], &framed[..]].concat(),
        [&[1, 0, 0x65, 0x58, 0, 0, 1, 0, 1, 0, 0, 0], &framed[..]].concat(),
    ];
    let gre = [b"\x20\0\x08\0\0\0\0\x01", &inner[..]].concat();
    let authentication = [&[6, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1], &tcp[..]].concat();
    let chain = [b"\x2c\0\xc2\x04\0\0\0\0\x11\0\0\0\0\0\0\x01", &udp[..]].concat();
    let behind_ethernet = [
        [V4, &ipv4(6, &tcp)].concat(),
        [V4, &ipv4(17, &to_port(4789, &vxlan))].concat(),
        [V4, &ipv4(17, &to_port(6081, &geneve))].concat(),
        [V4, &ipv4(47, &gre)].concat(),
        [V4, &ipv4(132, PORTS)].concat(),
        [b"\x88\xa8\0\x01\x81\0\0\x02", V6, &ipv6(6, &tcp)].concat(),
        [V6, &ipv6(17, &udp)].concat(),
        [V6, &ipv6(51, &authentication)].concat(),
        [V6, &ipv6(0, &chain)].concat(),
    ];
    let framed = behind_ethernet
        .iter()
        .map(|rest| [&[0], ETHERNET, rest, TURNS].concat());
    let raw = [
        ipv4(4, &inner),
        ipv6(41, &ipv6(6, &tcp)),
        ipv4(1, b"\x08\0"),
    ];
    let raw = raw.iter().map(|packet| [&[1], &packet[..], TURNS].concat());
    framed.chain(raw).collect()
}

fn tcp() -> Vec<u8> {
    [PORTS, b"\x01\x02\x03\x04\0\0\0\0\x50\x02\xff\xff\0\0\0\0hi"].concat()
}

fn udp(payload: &[u8]) -> Vec<u8> {
    to_port(443, payload)
}

fn to_port(port: u16, payload: &[u8]) -> Vec<u8> {
    let length = length(8 + payload.len());
    [&PORTS[..2], &port.to_be_bytes(), &length, &[0; 2], payload].concat()
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0x45, 0];
    header.extend(length(20 + payload.len()));
    header.extend([0x12, 0x34, 0x40, 0, 64, protocol, 0, 0]);
    header.extend([192, 0, 2, 1, 192, 0, 2, 2]);
    [&header, payload].concat()
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0x60, 0, 0, 0];
    header.extend(length(payload.len()));
    header.extend([next, 64]);
    for last in [1, 2] {
        header.extend([
            0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last,
        ]);
    }
    [&header, payload].concat()
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).expect("seeds are short").to_be_bytes()
}
