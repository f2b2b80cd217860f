//! What holds for all protocols: conversations as they are on the wire, cut, shuffled and damaged.

use collector_common::flow::{WINDOW_OPENER, WINDOW_RESPONDER};
use proptest::prelude::*;

use super::{
    registry::{Dissector, Speech, Transport},
    said::Said,
    *,
};

/// A conversation, and the label it is to get.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Talk {
    pub(crate) transport: Transport,
    /// The responder's.
    pub(crate) port: u16,
    /// In the order of the wire; of a stream any part of what a side says, of UDP a datagram each.
    pub(crate) turns: &'static [Turn],
    /// As in records: `Master.App`.
    pub(crate) label: &'static str,
}

/// What one side says at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turn {
    Opener(&'static [u8]),
    Responder(&'static [u8]),
}

/// A piece as the kernel hands it over: by the opener, offset, bytes.
type Piece = (bool, i32, Vec<u8>);

impl Talk {
    pub(crate) const fn tcp(port: u16, turns: &'static [Turn], label: &'static str) -> Self {
        Self {
            transport: Transport::Tcp,
            port,
            turns,
            label,
        }
    }

    pub(crate) const fn udp(port: u16, turns: &'static [Turn], label: &'static str) -> Self {
        Self {
            transport: Transport::Udp,
            ..Self::tcp(port, turns, label)
        }
    }

    /// The outcome for the conversation as it is.
    pub(crate) fn inspect(&self) -> Inspection {
        self.inspect_pieces(&self.pieces())
    }

    fn inspect_pieces(&self, pieces: &[Piece]) -> Inspection {
        let mut inspector = Inspector::new(self.protocol(), 50_000, self.port);
        for (by_opener, offset, bytes) in pieces {
            inspector.payload(*by_opener, *offset, bytes);
        }
        inspector.finish()
    }

    fn protocol(&self) -> u8 {
        match self.transport {
            Transport::Tcp => TCP,
            Transport::Udp => UDP,
        }
    }

    fn pieces(&self) -> Vec<Piece> {
        let mut offsets = [0, 0];
        let piece = |turn: &Turn| {
            let (by_opener, bytes) = turn.parts();
            let offset = &mut offsets[usize::from(by_opener)];
            let start = *offset;
            *offset += i32::try_from(bytes.len()).unwrap();
            (by_opener, start, bytes.to_vec())
        };
        self.turns.iter().map(piece).collect()
    }

    /// What dissectors are asked after each turn, until `each` says that one of them is certain.
    fn each_speech(&self, mut each: impl FnMut(&Speech<'_>) -> bool) {
        let windows = [WINDOW_OPENER, WINDOW_RESPONDER];
        let mut said = windows.map(|limit| Said::new(Some(self.transport), limit));
        for (from_opener, offset, bytes) in self.pieces() {
            let (mine, other) = (usize::from(!from_opener), usize::from(from_opener));
            said[mine].insert(offset, &bytes);
            let heard = said[mine].heard();
            let speech = match self.transport {
                Transport::Tcp => Speech::stream(self.port, heard.bytes, false),
                Transport::Udp => Speech {
                    earlier: heard,
                    ..Speech::datagram(self.port, &bytes)
                },
            };
            let certain = each(&Speech {
                from_opener,
                other: said[other].heard(),
                ..speech
            });
            if certain {
                return;
            }
            said[mine].keep(&bytes);
        }
    }

    /// All that a side says, end to end.
    fn side(&self, opener: bool) -> Vec<u8> {
        let of_side = |turn: &Turn| Some(turn.parts()).filter(|(by, _)| *by == opener);
        let parts = self.turns.iter().filter_map(of_side);
        parts.flat_map(|(_, bytes)| bytes).copied().collect()
    }
}

impl Turn {
    fn parts(self) -> (bool, &'static [u8]) {
        match self {
            Self::Opener(bytes) => (true, bytes),
            Self::Responder(bytes) => (false, bytes),
        }
    }
}

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Each dissector's conversations.
fn talks() -> impl Iterator<Item = (&'static Dissector, Talk)> {
    let all = protocols::FAMILIES.iter().flat_map(|(_, family)| *family);
    all.flat_map(|by| by.talks.iter().map(move |talk| (*by, *talk)))
}

fn all_talks() -> Vec<Talk> {
    talks().map(|(_, talk)| talk).collect()
}

fn streams() -> Vec<Talk> {
    let mut talks = all_talks();
    talks.retain(|talk| talk.transport == Transport::Tcp);
    talks
}

/// The first conversation that is to get `label`.
fn talk(label: &str) -> Talk {
    let mut talks = talks().map(|(_, talk)| talk);
    talks.find(|talk| talk.label == label).unwrap()
}

#[test]
fn each_conversation_gets_its_label_from_the_payload() {
    for (by, talk) in talks() {
        let inspection = talk.inspect();
        assert_eq!(inspection.label.to_string(), talk.label, "{}", by.label);
        assert!(inspection.confidence >= Confidence::Likely, "{talk:?}");
        assert!(!inspection.guessed);
    }
}

#[test]
fn each_dissector_has_a_conversation_and_its_names_are_in_the_vocabulary() {
    for (family, dissectors) in protocols::FAMILIES {
        for by in *dissectors {
            assert!(!by.talks.is_empty(), "{family}: {}", by.label);
            for name in [by.label.master, by.label.app] {
                assert!(vocabulary::name(name).is_some(), "{name}");
            }
        }
    }
    for talk in all_talks() {
        for name in talk.label.split('.') {
            assert!(vocabulary::name(name).is_some(), "{name}");
        }
    }
}

/// Two that are certain of the same bytes would let the order of segments decide.
#[test]
fn no_two_dissectors_are_certain_of_the_same_bytes() {
    for (by, talk) in talks() {
        talk.each_speech(|speech| {
            let of_all = protocols::of(talk.transport).iter();
            let certain =
                |asked: &&&Dissector| (asked.probe)(speech).is_ok_and(|found| !found.likely);
            let mut certain = of_all.filter(certain).peekable();
            let any = certain.peek().is_some();
            for other in certain {
                let same = std::ptr::eq(*other, by) || other.label.master == by.label.master;
                assert!(same, "{} and {} of {talk:?}", by.label, other.label);
            }
            any
        });
    }
}

#[test]
fn silence_is_no_protocol() {
    for by in protocols::of(Transport::Tcp) {
        for finished in [false, true] {
            let verdict = (by.probe)(&Speech::stream(by.talks[0].port, b"", finished));
            assert!(verdict.is_err(), "{}", by.label);
        }
    }
}

#[test]
fn the_label_of_what_an_exit_carries_first_does_not_depend_on_the_port() {
    for label in ["TLS", "HTTP", "SSH", "SMTP", "DNS"] {
        let moved = Talk {
            port: 40_000,
            ..talk(label)
        };
        assert_eq!(moved.inspect().label.to_string(), label);
    }
}

#[test]
fn a_decided_inspector_ignores_what_follows() {
    let mut inspector = Inspector::new(TCP, 50_000, 22);
    assert!(!inspector.decided());
    inspector.payload(true, 0, &talk("SSH").side(true));
    assert!(inspector.decided());
    inspector.payload(false, 0, &talk("HTTP").side(false));
    assert_eq!(inspector.finish().label.to_string(), "SSH");
}

#[test]
fn http_stays_undecided_until_the_response_is_heard() {
    let mut inspector = Inspector::new(TCP, 50_000, 80);
    inspector.payload(true, 0, &talk("HTTP").side(true));
    assert!(!inspector.decided());
    inspector.payload(false, 0, &talk("HTTP").side(false));
    assert!(inspector.decided());
}

#[test]
fn payload_of_no_known_protocol_is_decided_once_both_sides_have_spoken() {
    let mut inspector = Inspector::new(TCP, 50_000, 22);
    inspector.payload(true, 0, &[0xff; 64]);
    inspector.payload(false, 0, &[0xff; 64]);
    assert!(inspector.decided());
    let inspection = inspector.finish();
    assert_eq!(inspection.label.to_string(), "SSH");
    assert_eq!(
        (inspection.method, inspection.guessed),
        (Method::Port, true)
    );
}

#[test]
fn a_transport_without_dissectors_is_decided_from_the_start() {
    let inspector = Inspector::new(1, 0, 0);
    assert!(inspector.decided());
    assert_eq!(inspector.finish().label.to_string(), "ICMP");
}

#[test]
fn a_later_datagram_may_decide() {
    let mut inspector = Inspector::new(UDP, 50_000, 53);
    inspector.payload(true, 0, b"\0");
    inspector.payload(true, 1, &talk("DNS").side(true));
    assert!(inspector.decided());
    assert_eq!(inspector.finish().method, Method::Dpi);
}

#[test]
fn names_are_hidden_from_debug_output() {
    let text = format!("{:?} {:?}", talk("HTTP").inspect(), talk("TLS").inspect());
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

/// Cuts what a side says at `cuts`, into at most eight pieces as the kernel samples them.
fn cut(opener: bool, bytes: &[u8], cuts: &[prop::sample::Index]) -> Vec<Piece> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    ends.dedup();
    let mut start = 0;
    let mut pieces = Vec::new();
    for end in ends.into_iter().filter(|end| *end > 0) {
        pieces.push((
            opener,
            i32::try_from(start).unwrap(),
            bytes[start..end].to_vec(),
        ));
        start = end;
    }
    pieces
}

fn shuffled_pieces() -> impl Strategy<Value = (Talk, Vec<Piece>)> {
    let cuts = || prop::collection::vec(any::<prop::sample::Index>(), 0..7);
    (prop::sample::select(streams()), cuts(), cuts()).prop_flat_map(|(talk, opener, responder)| {
        let mut pieces = cut(true, &talk.side(true), &opener);
        pieces.extend(cut(false, &talk.side(false), &responder));
        (Just(talk), Just(pieces).prop_shuffle())
    })
}

/// The label is the whole one, its protocol without the application, or what the dissector says
/// before it knows more.
fn no_more_than(label: Label, talk: &Talk) -> bool {
    let whole = talk.inspect().label;
    let own = talks().any(|(by, other)| std::ptr::eq(other.turns, talk.turns) && by.label == label);
    // Media go on from the set-up that named their application.
    let set_up = label.master == "STUN" && label.app == whole.app;
    own || set_up || label == whole || (label.master == whole.master && label.app == label.master)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn any_split_in_any_order_gives_the_same_inspection((talk, pieces) in shuffled_pieces()) {
        prop_assert_eq!(talk.inspect_pieces(&pieces), talk.inspect(), "{:?}", talk);
    }

    #[test]
    fn a_truncated_conversation_is_never_certain_of_another_protocol(
        talk in prop::sample::select(streams()),
        cuts in any::<[prop::sample::Index; 2]>(),
    ) {
        let pieces = [true, false].map(|opener| {
            let mut bytes = talk.side(opener);
            bytes.truncate(cuts[usize::from(opener)].index(bytes.len() + 1));
            (opener, 0, bytes)
        });
        let cut = talk.inspect_pieces(&pieces);
        prop_assert!(
            cut.confidence != Confidence::Certain || no_more_than(cut.label, &talk),
            "{} for {}", cut.label, talk.label
        );
    }

    #[test]
    fn a_truncated_datagram_is_never_certain_of_another_protocol(
        talk in prop::sample::select(all_talks()),
        turn in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
    ) {
        let mut pieces = talk.pieces();
        let last = turn.index(pieces.len());
        pieces.truncate(last + 1);
        let bytes = &mut pieces[last].2;
        bytes.truncate(at.index(bytes.len() + 1));
        let cut = talk.inspect_pieces(&pieces);
        prop_assert!(
            cut.confidence != Confidence::Certain || no_more_than(cut.label, &talk),
            "{} for {}", cut.label, talk.label
        );
    }

    #[test]
    fn no_dissector_goes_back_on_what_it_said_of_a_shorter_stream(
        talk in prop::sample::select(all_talks()),
        at in any::<prop::sample::Index>(),
        value in any::<Option<u8>>(),
    ) {
        let mut pieces = talk.pieces();
        if let Some(value) = value {
            let bytes = &mut pieces[0].2;
            let place = at.index(bytes.len().max(1));
            bytes.splice(place..place, [value]);
        }
        let draft = fuzz::Draft {
            datagrams: talk.transport == Transport::Udp,
            ports: [50_000, talk.port],
            pieces: pieces.into_iter().map(|(by, _, bytes)| (by, bytes)).collect(),
        };
        for family in fuzz::families() {
            fuzz::family(family, &draft.encode());
        }
    }

    #[test]
    fn a_changed_byte_never_panics(
        talk in prop::sample::select(all_talks()),
        turn in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
        port in any::<Option<u16>>(),
    ) {
        let mut pieces = talk.pieces();
        let bytes = &mut pieces[turn.index(talk.turns.len())].2;
        if !bytes.is_empty() {
            *at.get_mut(bytes) = value;
        }
        let port = port.unwrap_or(talk.port);
        let _ = Talk { port, ..talk }.inspect_pieces(&pieces);
    }

    #[test]
    fn random_bytes_never_panic(
        protocol in prop::sample::select(&[TCP, UDP, 1, 132][..]),
        port in prop::sample::select(&[21u16, 22, 25, 53, 80, 137, 443, 465, 5353, 40_000][..]),
        pieces in prop::collection::vec(
            (any::<bool>(), -50i32..5000, prop::collection::vec(any::<u8>(), 0..200)), 0..20),
    ) {
        let mut inspector = Inspector::new(protocol, 50_000, port);
        for (by_opener, offset, bytes) in &pieces {
            inspector.payload(*by_opener, *offset, bytes);
        }
        let _ = inspector.finish();
    }

    /// What is encrypted from its first byte looks random: to name it would be a guess.
    #[test]
    fn random_bytes_on_random_ports_are_no_tunnel_no_peer_and_no_currency(
        protocol in prop::sample::select(&[TCP, UDP][..]),
        opener_port in 10_001u16..,
        port in 10_001u16..,
        pieces in prop::collection::vec(
            (any::<bool>(), prop::collection::vec(any::<u8>(), 1..300)), 1..12),
    ) {
        let mut inspector = Inspector::new(protocol, opener_port, port);
        let mut offsets = [0, 0];
        for (by_opener, bytes) in &pieces {
            let offset = &mut offsets[usize::from(*by_opener)];
            inspector.payload(*by_opener, *offset, bytes);
            *offset += i32::try_from(bytes.len()).unwrap();
        }
        let inspection = inspector.finish();
        let opaque = protocols::FAMILIES.iter().filter(|(family, dissectors)| {
            let of_label = |by: &&Dissector| by.label.master == inspection.label.master;
            ["p2p", "vpn", "currency"].contains(family) && dissectors.iter().any(of_label)
        });
        prop_assert!(inspection.guessed || opaque.count() == 0, "{}", inspection.label);
    }
}
