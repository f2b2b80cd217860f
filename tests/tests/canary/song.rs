//! What the canaries say: conversations of which every part that could name somebody is marked.

use std::{net::IpAddr, sync::Arc};

use anyhow::Result;
use collector_common::packet::{protocol, tcp};
use collector_tests::{
    forms::Forms,
    frames::{Ipv4Fields, Path, truncated},
    timed::{Timed, connection},
    trace::quic_opening,
};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// Client and server: of networks with a country and of such without, IPv4 and IPv6. None of their
/// bytes is a letter, and none is met by chance.
const PAIRS: [[&str; 2]; 2] = [
    ["214.211.198.173", "203.0.153.214"],
    [
        "2a8d:98b8:9e8f:f1c5:a6d2:84eb:93f7:c9b8",
        "3b8d:e5f1:c7a9:9bd6:8ae4:f2c3:b6d8:9fec",
    ],
];
/// What a name server answers.
const ANSWERS: [&str; 2] = ["195.153.229.182", "2d9a:b7f6:8cd3:e4a1:9dc5:f8b2:a3e6:87d9"];
/// The first label of each name, and the other things by which people are known.
const TLS: &str = "kanarie-of-tls";
const SLOW_TLS: &str = "kanarie-in-two-pieces";
const HTTP: &str = "kanarie-of-http";
const QUIC: &str = "kanarie-of-quic";
const DNS: &str = "kanarie-of-names";
const MAIL: &str = "kanarie-of-mail";
const PATH: &str = "kanarie-in-a-path";
const COMMENT: &str = "KanarieInAComment";
/// Products of user agents, which the finest level tells without their comments: one that few
/// flows have, and one of a crowd.
pub(crate) const AGENT: &str = "KanarieBrowser";
pub(crate) const CROWD: &str = "Sperling";
const COOKIE: &str = "KanarieSessionKey";
const MEDIA: &str = "x-kanarie-media";
const OPAQUE: &str = "KanarieOfNoProtocol";
const MARKS: [&str; 11] = [
    TLS, SLOW_TLS, HTTP, QUIC, DNS, MAIL, PATH, COMMENT, COOKIE, MEDIA, OPAQUE,
];
/// Ports of clients, from this one on.
pub(crate) const CLIENT_PORTS: std::ops::Range<u16> = 53_171..53_251;

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// All that must not be found.
pub(crate) fn forms() -> Result<Forms> {
    let addresses: Vec<_> = PAIRS
        .iter()
        .flatten()
        .chain(&ANSWERS)
        .copied()
        .map(address)
        .collect();
    Forms::of(&addresses, &MARKS)
}

fn host(label: &str) -> String {
    format!("{label}.example")
}

/// Everything that is said, in an order that keeps each conversation's own.
pub(crate) fn whole() -> Result<Vec<Timed>> {
    let mut frames = Vec::new();
    for (pair, start) in PAIRS.into_iter().zip([0.0, 40.0]) {
        frames.extend(spoken(pair, start)?);
        frames.extend(broken(pair, start + 18.0));
        frames.extend(crowd(pair, start + 19.0));
    }
    Ok(frames)
}

/// The path from a client's port, counted from the first, to a port of the server.
fn way([client, server]: [&str; 2], number: u16, port: u16) -> Path {
    let ports = (CLIENT_PORTS.start + number, port);
    Path::of((address(client), address(server)), ports)
}

/// Conversations that end.
fn spoken(pair: [&str; 2], at: f64) -> Result<Vec<Timed>> {
    let (request, response) = (request(pair[0]), response());
    let hello = hello(TLS)?;
    let mail = format!("EHLO {}\r\nMAIL FROM:<one@{}>\r\n", host(MAIL), host(MAIL));
    let greeting = format!("220 {} ESMTP\r\n", host(MAIL));
    let talks: [(u16, &[u8], &[u8]); 4] = [
        (443, &hello, b""),
        (80, request.as_bytes(), response.as_bytes()),
        (25, mail.as_bytes(), greeting.as_bytes()),
        (4343, OPAQUE.as_bytes(), OPAQUE.as_bytes()),
    ];
    let mut frames = Vec::new();
    for (number, (port, says, answers)) in (0..).zip(talks) {
        let path = way(pair, number, port);
        frames.extend(connection(path, at + f64::from(number), says, answers));
        // Behind its end: late packets.
        frames.push((at + 0.8 + f64::from(number), path.tcp(tcp::ACK, 9, says)));
    }
    frames.extend(in_two_pieces(pair, at + 5.0)?);
    let quic = way(pair, 6, 443);
    frames.push((at + 6.0, quic.udp(&quic_opening(&host(QUIC)))));
    let dns = way(pair, 7, 53);
    frames.push((at + 7.0, dns.udp(&question())));
    frames.push((at + 7.1, dns.reversed().udp(&answer())));
    frames.push((at + 8.0, way(pair, 0, 0).echo(OPAQUE.as_bytes())));
    let refused = way(pair, 8, 81);
    frames.push((at + 9.0, refused.tcp(tcp::SYN, 0, &[])));
    frames.push((
        at + 9.1,
        refused.reversed().tcp(tcp::RST | tcp::ACK, 0, &[]),
    ));
    frames.push((
        at + 9.5,
        way(pair, 9, 82).tcp(tcp::SYN, 0, request.as_bytes()),
    ));
    Ok(frames)
}

/// As many flows of one user agent as it takes to tell it, at the level that tells any.
fn crowd(pair: [&str; 2], at: f64) -> Vec<Timed> {
    let request = request(pair[0]).replace(AGENT, CROWD);
    let flows = (20..50).flat_map(|number| {
        let start = at + 0.01 * f64::from(number);
        connection(way(pair, number, 80), start, request.as_bytes(), b"")
    });
    let mut frames: Vec<_> = flows.collect();
    frames.sort_by(|one, other| one.0.total_cmp(&other.0));
    frames
}

/// A hello of which the agent holds the first half until the second comes, which is later; and one
/// of which no second half ever comes.
fn in_two_pieces(pair: [&str; 2], at: f64) -> Result<Vec<Timed>> {
    let hello = hello(SLOW_TLS)?;
    // The name comes late in a hello.
    let half = hello.len() - 4;
    let path = way(pair, 4, 443);
    let mut frames = connection(path, at, &hello[..half], b"");
    frames.truncate(3);
    frames.push((
        at + 0.6,
        path.tcp(tcp::ACK, 1 + half as u32, &hello[half..]),
    ));
    frames.push((at + 0.7, path.tcp(tcp::RST, 1 + hello.len() as u32, &[])));
    frames.extend(unfinished(pair, at + 0.8)?);
    Ok(frames)
}

/// A connection whose payload the agent holds until it ends by silence.
pub(crate) fn unfinished(pair: [&str; 2], at: f64) -> Result<Vec<Timed>> {
    let hello = hello(SLOW_TLS)?;
    let says = &hello[..hello.len() - 4];
    let mut frames = connection(way(pair, 5, 443), at, says, b"");
    frames.truncate(3);
    Ok(frames)
}

/// The same for every pair.
pub(crate) fn pending() -> Result<Vec<Timed>> {
    let frames = PAIRS.map(|pair| unfinished(pair, 0.0));
    Ok(frames.into_iter().collect::<Result<Vec<_>>>()?.concat())
}

/// Frames in which the parser finds a fault, each of them behind the addresses.
fn broken(pair: [&str; 2], at: f64) -> Vec<Timed> {
    let path = way(pair, 10, 443);
    let whole = path.tcp(tcp::ACK, 1, OPAQUE.as_bytes());
    let mut frames: Vec<_> = [30, 36, 50, 56, 60]
        .into_iter()
        .map(|length| truncated(&whole, length))
        .collect();
    for byte in [14, 16, 17, 46] {
        let mut damaged = whole.clone();
        damaged[byte] ^= 0xff;
        frames.push(damaged);
    }
    if path.addresses.0.is_ipv4() {
        let behind = Ipv4Fields {
            fragment_offset: 64,
            ..Ipv4Fields::default()
        };
        let body = OPAQUE.as_bytes();
        frames.push(path.frame(&path.ipv4(protocol::UDP, &behind, body)));
        // In a tunnel that ends in the middle of the inner header.
        let inner = path.ip(protocol::UDP, &path.udp_datagram(body));
        frames.push(path.frame(&path.ip(4, &inner[..18])));
    }
    let times = (0..).map(|number| at + 0.1 * f64::from(number));
    times.zip(frames).collect()
}

fn hello(label: &str) -> Result<Vec<u8>> {
    let config = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
    let config = Arc::new(config.with_no_client_auth());
    let mut hello = Vec::new();
    ClientConnection::new(config, host(label).try_into()?)?.write_tls(&mut hello)?;
    Ok(hello)
}

fn request(client: &str) -> String {
    let host = host(HTTP);
    format!(
        "GET /{PATH}?of={client} HTTP/1.1\r\nHost: {host}\r\n\
         User-Agent: {AGENT}/7.3 ({COMMENT}; of {client}; +http://{host}/{PATH})\r\n\
         Referer: http://{host}/{PATH}\r\nX-Forwarded-For: {client}\r\nCookie: {COOKIE}=1\r\n\r\n"
    )
}

fn response() -> String {
    let host = host(HTTP);
    format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{host}/{PATH}\r\nServer: {AGENT}\r\n\
         Content-Type: text/{MEDIA}; charset={MEDIA}\r\nContent-Length: 0\r\n\r\n"
    )
}

/// For the name's address (RFC 1035, section 4.1.2).
fn question() -> Vec<u8> {
    let mut query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00".to_vec();
    for label in host(DNS).split('.') {
        query.push(label.len() as u8);
        query.extend(label.as_bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    query
}

/// The question with an address of each IP version.
fn answer() -> Vec<u8> {
    let mut answer = question();
    answer[2..8].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 2]);
    for text in ANSWERS {
        let (kind, bytes) = match address(text) {
            IpAddr::V4(address) => (1, address.octets().to_vec()),
            IpAddr::V6(address) => (28, address.octets().to_vec()),
        };
        // The question's name, class IN, five minutes.
        answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 1, 44, 0, bytes.len() as u8]);
        answer.extend(bytes);
    }
    answer
}
