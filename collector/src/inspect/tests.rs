//! What holds for all protocols: conversations as they are on the wire, cut and shuffled.

use proptest::prelude::*;

use super::*;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Both sides of `openssl s_client -servername www.example.org -alpn h2,http/1.1` (OpenSSL 3.0)
/// on loopback, with the version in the name.
pub(super) const TLS12: Talk = Talk {
    protocol: TCP,
    port: 443,
    opener: include_bytes!("tests/tls12-client.bin"),
    responder: include_bytes!("tests/tls12-server.bin"),
    label: "TLS",
};
pub(super) const TLS13: Talk = Talk {
    opener: include_bytes!("tests/tls13-client.bin"),
    responder: include_bytes!("tests/tls13-server.bin"),
    ..TLS12
};
const SMTPS: Talk = Talk {
    port: 465,
    label: "SMTPS",
    ..TLS13
};
const HTTP: Talk = Talk {
    protocol: TCP,
    port: 80,
    opener: b"GET /index.html HTTP/1.1\r\nHost: WWW.example.org:80\r\n\
        User-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n",
    responder: b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\n\
        Content-Type: Text/HTML; charset=utf-8\r\nContent-Length: 5\r\n\r\nhello",
    label: "HTTP",
};
const SSH: Talk = Talk {
    protocol: TCP,
    port: 22,
    opener: b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n\0\0\x05\xdc\x07\x14",
    responder: b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n\0\0\x04\x3c\x0a\x14",
    label: "SSH",
};
/// A session that turns to TLS: the client hello of [`TLS13`] follows the last line.
const SMTP: Talk = Talk {
    protocol: TCP,
    port: 587,
    opener: b"EHLO client.example\r\nSTARTTLS\r\n\x16\x03\x01\x01\x06\x01\0\x01\x02\x03\x03",
    responder: b"220 mail.example.org ESMTP Postfix\r\n250-mail.example.org\r\n\
        250 STARTTLS\r\n220 2.0.0 Ready to start TLS\r\n\x16\x03\x03\0\x7a\x02\0\0\x76\x03\x03",
    label: "SMTP",
};
/// A query for the addresses of `example.org`, with EDNS, and its answer.
const DNS: Talk = Talk {
    protocol: UDP,
    port: 53,
    opener: b"\x1a\x2b\x01\x20\0\x01\0\0\0\0\0\x01\x07example\x03org\0\0\x01\0\x01\
        \0\0\x29\x04\xd0\0\0\0\0\0\0",
    responder: b"\x1a\x2b\x81\x80\0\x01\0\x01\0\0\0\x01\x07example\x03org\0\0\x01\0\x01\
        \xc0\x0c\0\x01\0\x01\0\0\x0e\x10\0\x04\xc0\0\x02\x01\0\0\x29\x04\xd0\0\0\0\0\0\0",
    label: "DNS",
};
const DNS_OVER_TCP: Talk = Talk {
    protocol: TCP,
    opener: b"\0\x1d\x1a\x2b\x01\0\0\x01\0\0\0\0\0\0\x07example\x03org\0\0\x01\0\x01",
    responder: b"\0\x2d\x1a\x2b\x81\x80\0\x01\0\x01\0\0\0\0\x07example\x03org\0\0\x01\0\x01\
        \xc0\x0c\0\x01\0\x01\0\0\x0e\x10\0\x04\xc0\0\x02\x01",
    ..DNS
};

const STREAMS: [Talk; 7] = [TLS12, TLS13, SMTPS, HTTP, SSH, SMTP, DNS_OVER_TCP];

/// Both sides of a conversation and the label it is to get.
#[derive(Clone, Copy, Debug)]
pub(super) struct Talk {
    pub(super) protocol: u8,
    pub(super) port: u16,
    pub(super) opener: &'static [u8],
    pub(super) responder: &'static [u8],
    pub(super) label: &'static str,
}

/// A piece as the kernel hands it over: by the opener, offset, length.
type Piece = (bool, usize, usize);

impl Talk {
    pub(super) fn inspect(&self) -> Inspection {
        let (opener, responder) = (self.opener.len(), self.responder.len());
        self.inspect_pieces(&[(true, 0, opener), (false, 0, responder)])
    }

    fn inspect_pieces(&self, pieces: &[Piece]) -> Inspection {
        let mut inspector = Inspector::new(self.protocol, self.port);
        for (by_opener, offset, length) in pieces {
            let side = if *by_opener {
                self.opener
            } else {
                self.responder
            };
            let offset_number = i32::try_from(*offset).unwrap();
            inspector.payload(*by_opener, offset_number, &side[*offset..][..*length]);
        }
        inspector.finish()
    }
}

#[test]
fn each_conversation_gets_its_label_from_the_payload() {
    for talk in STREAMS.into_iter().chain([DNS]) {
        let inspection = talk.inspect();
        assert_eq!(inspection.label.to_string(), talk.label);
        assert_eq!(
            (inspection.method, inspection.guessed),
            (Method::Dpi, false)
        );
    }
}

#[test]
fn one_side_alone_is_enough() {
    for talk in STREAMS.into_iter().chain([DNS]) {
        for (opener, responder) in [(talk.opener, &b""[..]), (b"", talk.responder)] {
            let half = Talk {
                opener,
                responder,
                ..talk
            };
            assert_eq!(half.inspect().label.to_string(), talk.label);
            assert_eq!(half.inspect().method, Method::Dpi);
        }
    }
}

#[test]
fn the_label_does_not_depend_on_the_port() {
    for talk in STREAMS.into_iter().filter(|talk| talk.port != 465) {
        let moved = Talk {
            port: 40_000,
            ..talk
        };
        assert_eq!(moved.inspect().label.to_string(), talk.label);
    }
}

#[test]
fn a_decided_inspector_ignores_what_follows() {
    let mut inspector = Inspector::new(TCP, 22);
    assert!(!inspector.decided());
    inspector.payload(true, 0, SSH.opener);
    assert!(inspector.decided());
    inspector.payload(false, 0, HTTP.responder);
    assert_eq!(inspector.finish().label.to_string(), "SSH");
}

#[test]
fn http_stays_undecided_until_the_response_is_heard() {
    let mut inspector = Inspector::new(TCP, 80);
    inspector.payload(true, 0, HTTP.opener);
    assert!(!inspector.decided());
    inspector.payload(false, 0, HTTP.responder);
    assert!(inspector.decided());
}

#[test]
fn payload_of_no_known_protocol_is_decided_once_both_sides_have_spoken() {
    let mut inspector = Inspector::new(TCP, 6881);
    inspector.payload(true, 0, b"\x13BitTorrent protocol");
    inspector.payload(false, 0, b"\x13BitTorrent protocol");
    assert!(inspector.decided());
    let inspection = inspector.finish();
    assert_eq!(inspection.label.to_string(), "BitTorrent");
    assert_eq!(
        (inspection.method, inspection.guessed),
        (Method::Port, true)
    );
}

#[test]
fn a_transport_without_dissectors_is_decided_from_the_start() {
    let inspector = Inspector::new(1, 0);
    assert!(inspector.decided());
    assert_eq!(inspector.finish().label.to_string(), "ICMP");
}

#[test]
fn a_later_datagram_may_decide() {
    let mut inspector = Inspector::new(UDP, 53);
    inspector.payload(true, 0, b"\0");
    inspector.payload(true, 1, DNS.opener);
    assert!(inspector.decided());
    assert_eq!(inspector.finish().method, Method::Dpi);
}

#[test]
fn names_are_hidden_from_debug_output() {
    let text = format!("{:?} {:?}", HTTP.inspect(), TLS13.inspect());
    assert!(text.contains("[scrubbed]"));
    assert!(!text.contains("example") && !text.contains("curl"));
}

#[test]
fn a_label_with_an_application_shows_both() {
    let label = Label {
        master: "TLS",
        app: "DoH_DoT",
    };
    assert_eq!(label.to_string(), "TLS.DoH_DoT");
}

/// Cuts `length` bytes at `cuts`, at most eight pieces as the kernel samples them.
fn cut(by_opener: bool, length: usize, cuts: &[prop::sample::Index]) -> Vec<Piece> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(length)).collect();
    ends.push(length);
    ends.sort_unstable();
    ends.dedup();
    let mut start = 0;
    let mut pieces = Vec::new();
    for end in ends.into_iter().filter(|end| *end > 0) {
        pieces.push((by_opener, start, end - start));
        start = end;
    }
    pieces
}

fn shuffled_pieces() -> impl Strategy<Value = (Talk, Vec<Piece>)> {
    let cuts = || prop::collection::vec(any::<prop::sample::Index>(), 0..7);
    (prop::sample::select(&STREAMS[..]), cuts(), cuts()).prop_flat_map(
        |(talk, opener, responder)| {
            let mut pieces = cut(true, talk.opener.len(), &opener);
            pieces.extend(cut(false, talk.responder.len(), &responder));
            (Just(talk), Just(pieces).prop_shuffle())
        },
    )
}

proptest! {
    #[test]
    fn any_split_in_any_order_gives_the_same_inspection((talk, pieces) in shuffled_pieces()) {
        prop_assert_eq!(talk.inspect_pieces(&pieces), talk.inspect());
    }

    #[test]
    fn a_truncated_conversation_is_never_certain_of_another_protocol(
        talk in prop::sample::select(&STREAMS[..]),
        opener in any::<prop::sample::Index>(),
        responder in any::<prop::sample::Index>(),
        port in any::<u16>(),
    ) {
        let whole = Talk { port, ..talk }.inspect();
        let cut = Talk {
            port,
            opener: &talk.opener[..opener.index(talk.opener.len())],
            responder: &talk.responder[..responder.index(talk.responder.len())],
            ..talk
        }
        .inspect();
        prop_assert!(cut.method != Method::Dpi || cut.label == whole.label);
    }

    #[test]
    fn a_changed_byte_never_panics(
        talk in prop::sample::select(&STREAMS[..]),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let mut bytes = talk.opener.to_vec();
        *at.get_mut(&mut bytes) = value;
        let mut inspector = Inspector::new(talk.protocol, talk.port);
        inspector.payload(true, 0, &bytes);
        inspector.payload(false, 0, &bytes);
        let _ = inspector.finish();
    }

    #[test]
    fn random_bytes_never_panic(
        protocol in prop::sample::select(&[TCP, UDP, 1, 132][..]),
        port in prop::sample::select(&[21u16, 22, 25, 53, 80, 137, 443, 465, 5353, 40_000][..]),
        pieces in prop::collection::vec(
            (any::<bool>(), -50i32..5000, prop::collection::vec(any::<u8>(), 0..200)), 0..20),
    ) {
        let mut inspector = Inspector::new(protocol, port);
        for (by_opener, offset, bytes) in &pieces {
            inspector.payload(*by_opener, *offset, bytes);
        }
        let _ = inspector.finish();
    }
}
