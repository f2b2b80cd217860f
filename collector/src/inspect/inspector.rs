//! One undecided flow: from payload pieces to an [`Inspection`].

use collector_common::{
    flow::{WINDOW_OPENER, WINDOW_RESPONDER},
    packet::protocol,
};

use super::{
    Confidence, Inspection, Label, Method,
    explain::{Detail, Trace},
    hosts::{self, Service},
    ports, protocols,
    reader::Fault,
    registry::{Dissector, Facts, Finding, Heard, Speech, Transport, Verdict},
    said::Said,
    vocabulary,
};

/// Takes the payload pieces of one flow and names it. At most 6 KiB of payload are held, and only
/// until the label is certain and its dissector has read what it wants.
pub struct Inspector {
    protocol: u8,
    /// Of the opener and of the responder, host byte order.
    ports: [u16; 2],
    transport: Option<Transport>,
    /// The opener and the responder.
    sides: [Side; 2],
    /// What a dissector was certain of.
    found: Option<Found>,
    /// The foremost of those that were not certain.
    likely: Option<Found>,
    /// No further piece will come.
    ended: bool,
    trace: Option<Box<Trace>>,
}

impl std::fmt::Debug for Inspector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[scrubbed]")
    }
}

struct Side {
    said: Said,
    /// Nothing more is wanted of this side.
    done: bool,
}

struct Found {
    by: &'static Dissector,
    /// The dissector's place among those of its transport.
    rank: usize,
    /// More precise than the dissector's, by the opener's and by the responder's word: the
    /// opener's counts first, whichever was heard first.
    labels: [Option<Label>; 2],
    categories: [Option<&'static str>; 2],
    facts: Facts,
    likely: bool,
    /// The side that it heard last.
    heard: usize,
    /// It has yet to read more of that side.
    more: bool,
}

/// What all dissectors together make of a [`Speech`].
enum Judgement {
    /// None of them knows it.
    Foreign,
    /// One may still.
    Open,
    Certain(Asked, Finding),
}

impl Judgement {
    /// Nothing more is wanted of the side that was judged.
    fn is_settled(&self) -> bool {
        match self {
            Self::Foreign => true,
            Self::Open => false,
            Self::Certain(_, finding) => !finding.more,
        }
    }
}

/// A dissector, and its place among those of its transport.
#[derive(Clone, Copy)]
struct Asked {
    by: &'static Dissector,
    rank: usize,
}

/// What is judged.
#[derive(Clone, Copy)]
enum Piece<'a> {
    /// This datagram, after those that are kept.
    Datagram(&'a [u8]),
    /// The stream, which begins with these bytes; nothing of it is kept yet.
    Beginning(&'a [u8]),
    /// What is kept of the stream.
    Kept,
}

const OPENER: usize = 0;
const RESPONDER: usize = 1;

impl Inspector {
    /// For a flow of IANA `protocol` from `opener_port` to `responder_port`.
    #[must_use]
    pub fn new(protocol: u8, opener_port: u16, responder_port: u16) -> Self {
        let transport = match protocol {
            protocol::TCP => Some(Transport::Tcp),
            protocol::UDP => Some(Transport::Udp),
            _ => None,
        };
        let side = |limit| Side {
            said: Said::new(transport, limit),
            done: false,
        };
        Self {
            protocol,
            ports: [opener_port, responder_port],
            transport,
            sides: [side(WINDOW_OPENER), side(WINDOW_RESPONDER)],
            found: None,
            likely: None,
            ended: false,
            trace: None,
        }
    }

    /// Keeps what dissectors say, for [`Inspection::trace`]: it holds payload.
    #[must_use]
    pub fn explained(mut self, detail: Detail) -> Self {
        self.trace = Some(Box::new(Trace::new(detail)));
        self
    }

    /// Takes a piece. `offset` is its position in bytes: for TCP from the first byte of the stream,
    /// or from the first that was seen, negative for a retransmission from before; for UDP the
    /// running count, each piece being one datagram.
    pub fn payload(&mut self, from_opener: bool, offset: i32, bytes: &[u8]) {
        #[cfg(feature = "planted-hook")]
        crate::rights::planted::look(bytes);
        let at = if from_opener { OPENER } else { RESPONDER };
        if self.decided() || self.sides[at].done {
            return;
        }
        match self.transport {
            Some(Transport::Tcp) => self.hear_segment(at, offset, bytes),
            Some(Transport::Udp) => self.hear_datagram(at, bytes),
            None => {}
        }
    }

    /// The label is certain, or certain to stay unknown, and nothing more is wanted: all payload
    /// held is zeroed and further pieces are ignored.
    #[must_use]
    pub fn decided(&self) -> bool {
        self.transport.is_none()
            || self.sides.iter().all(|side| side.done)
            || self
                .found
                .as_ref()
                .is_some_and(|found| !found.by.both_sides && !found.more)
    }

    /// The outcome at the flow's end. Where the payload named nothing the port does, as a guess.
    #[must_use]
    pub fn finish(mut self) -> Inspection {
        if self.transport == Some(Transport::Tcp) && !self.decided() {
            self.ended = true;
            self.hear_stream(OPENER);
            self.hear_stream(RESPONDER);
        }
        let mut inspection = match self.found.or(self.likely) {
            Some(found) => found.inspection(),
            None => {
                ports::by_port_unheard(self.protocol, self.ports[OPENER], self.ports[RESPONDER])
            }
        };
        inspection.trace = self.trace;
        inspection
    }

    fn hear_datagram(&mut self, at: usize, bytes: &[u8]) {
        if let Judgement::Certain(asked, finding) = self.judge(at, Piece::Datagram(bytes)) {
            self.sides[at].done = !finding.more;
            self.note(asked, at, finding);
        }
        // The first datagram decides most flows: a window is not allocated for it.
        if !self.decided() {
            let side = &mut self.sides[at];
            side.said.keep(bytes);
            side.done |= side.said.exhausted();
        }
        self.close_where_decided();
    }

    fn hear_segment(&mut self, at: usize, offset: i32, bytes: &[u8]) {
        let side = &mut self.sides[at];
        if side.said.begins_with(offset, bytes) {
            let judgement = self.judge(at, Piece::Beginning(bytes));
            // The first segment decides most flows: a window is not allocated for it.
            if !judgement.is_settled() {
                self.sides[at].said.insert(offset, bytes);
            }
            self.settle(at, judgement);
        } else if side.said.insert(offset, bytes) {
            self.hear_stream(at);
        } else {
            return;
        }
        // The other side may have waited for an answer.
        if self.found.is_none() {
            self.hear_stream(1 - at);
        }
    }

    /// Asks again what the side's stream is, now that its prefix is longer or will stay as it is.
    fn hear_stream(&mut self, at: usize) {
        let finished = self.finished(at);
        let side = &self.sides[at];
        if side.done || (side.said.is_empty() && !finished) {
            return;
        }
        let judgement = self.judge(at, Piece::Kept);
        self.settle(at, judgement);
    }

    /// Does what follows from what the side's stream was found to be.
    fn settle(&mut self, at: usize, judgement: Judgement) {
        let finished = self.finished(at);
        let undecided = self.found.is_none();
        let done = match judgement {
            Judgement::Foreign => true,
            Judgement::Open => finished,
            Judgement::Certain(asked, finding) => {
                let more = finding.more;
                self.note(asked, at, finding);
                finished || !more
            }
        };
        if done {
            self.sides[at].close();
        }
        self.close_where_decided();
        if undecided && self.found.is_some() {
            // The other side was unsure of another protocol, perhaps: it is asked again.
            self.hear_stream(1 - at);
        }
    }

    fn finished(&self, at: usize) -> bool {
        self.ended || self.sides[at].said.exhausted()
    }

    fn close_where_decided(&mut self) {
        if self.decided() {
            self.sides.iter_mut().for_each(Side::close);
        }
    }

    /// Asks the dissector that was certain before, else all of the transport that have not ruled
    /// themselves out.
    fn judge(&mut self, at: usize, piece: Piece<'_>) -> Judgement {
        let Some(transport) = self.transport else {
            return Judgement::Foreign;
        };
        let dissectors = protocols::of(transport);
        let candidates = match &self.found {
            Some(found) => found.rank..found.rank + 1,
            None => 0..dissectors.len(),
        };
        let mut judgement = Judgement::Foreign;
        let mut first = true;
        for rank in candidates {
            let Some(by) = dissectors.get(rank) else {
                break;
            };
            let datagram = matches!(piece, Piece::Datagram(_));
            if !datagram && self.sides[at].said.ruled_out(rank) {
                continue;
            }
            let verdict = self.ask(by, at, piece, first);
            first = false;
            match verdict {
                Err(Fault::Wrong(_)) if datagram => {}
                Err(Fault::Wrong(_)) => self.rule_out(rank, at),
                Err(Fault::Short(_)) => judgement = Judgement::Open,
                Ok(finding) if finding.likely => {
                    self.note_likely(Asked { by, rank }, at, finding);
                    judgement = Judgement::Open;
                }
                Ok(finding) => return Judgement::Certain(Asked { by, rank }, finding),
            }
        }
        judgement
    }

    fn ask(&mut self, by: &'static Dissector, at: usize, piece: Piece<'_>, first: bool) -> Verdict {
        let heard = self.sides[at].said.heard();
        let (bytes, earlier, finished) = match piece {
            Piece::Datagram(bytes) => (bytes, heard, true),
            Piece::Beginning(bytes) => (bytes, Heard::default(), false),
            Piece::Kept => (heard.bytes, Heard::default(), self.finished(at)),
        };
        let speech = Speech {
            transport: self.transport.unwrap_or(Transport::Tcp),
            from_opener: at == OPENER,
            port: self.ports[RESPONDER],
            opener_port: self.ports[OPENER],
            bytes,
            earlier,
            other: self.sides[1 - at].said.heard(),
            finished,
        };
        let verdict = (by.probe)(&speech);
        if let Some(trace) = &mut self.trace {
            trace.add(first, by, &speech, &verdict);
        }
        verdict
    }

    fn note(&mut self, asked: Asked, at: usize, finding: Finding) {
        self.found = Some(Found::new(asked, at, finding, self.found.take()));
        self.likely = None;
    }

    /// The stream is of another protocol, also where its beginning fitted this one.
    fn rule_out(&mut self, rank: usize, at: usize) {
        self.sides[at].said.rule_out(rank);
        self.likely
            .take_if(|likely| likely.rank == rank && likely.heard == at);
    }

    fn note_likely(&mut self, asked: Asked, at: usize, finding: Finding) {
        let rank = asked.rank;
        let older = match self.likely.take() {
            Some(older) if older.rank < rank => {
                self.likely = Some(older);
                return;
            }
            Some(older) if older.rank == rank => Some(older),
            _ => None,
        };
        self.likely = Some(Found::new(asked, at, finding, older));
    }
}

impl Found {
    /// By what the side `at` has said now, and by what `older` was found.
    fn new(asked: Asked, at: usize, finding: Finding, older: Option<Found>) -> Self {
        let Asked { by, rank } = asked;
        let (mut labels, mut categories, facts) = match older {
            Some(older) => (older.labels, older.categories, older.facts),
            None => ([None; 2], [None; 2], Facts::default()),
        };
        let precise = finding.label.filter(|label| *label != by.label);
        labels[at] = precise.or(labels[at]);
        categories[at] = finding.category.or(categories[at]);
        Self {
            by,
            rank,
            labels,
            categories,
            facts: finding.facts.or(facts),
            likely: finding.likely,
            heard: at,
            more: finding.more,
        }
    }

    fn label(&self) -> Label {
        let [by_opener, by_responder] = self.labels;
        by_opener.or(by_responder).unwrap_or(self.by.label)
    }

    /// The word of the side that gave the label comes first.
    fn category(&self) -> Option<&'static str> {
        let [by_opener, by_responder] = self.categories;
        match self.labels {
            [None, Some(_)] => by_responder.or(by_opener),
            _ => by_opener.or(by_responder),
        }
    }

    /// The label, with the application that the server's name tells where the payload told none.
    fn inspection(self) -> Inspection {
        let service = self.facts.host().and_then(hosts::service);
        let label = self.label();
        let app = service
            .and_then(|service| service.application)
            .filter(|&app| label.app == label.master && app != label.master);
        let category = self.category().or_else(|| carried(label, service));
        let mut inspection = match app {
            Some(app) => Inspection {
                method: Method::Host,
                ..self.facts.inspection(Label { app, ..label })
            },
            None => self.facts.inspection(label),
        };
        if let Some(category) = category {
            inspection.category = category;
        }
        if self.likely {
            inspection.confidence = Confidence::Likely;
        }
        inspection
    }
}

/// The category that a server's name gives a flow, where it is not the label's: the web's protocols
/// carry anything and take the service's, but a mail box or a name lookup stays what it is, whoever
/// is asked.
fn carried(label: Label, service: Option<Service>) -> Option<&'static str> {
    let service = service.filter(|_| label.app == label.master)?;
    match vocabulary::category(label) {
        "Web" => service.category,
        own => Some(own),
    }
}

impl Side {
    fn close(&mut self) {
        self.said.clear();
        self.done = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(inspector: &Inspector) -> usize {
        inspector
            .sides
            .iter()
            .map(|side| side.said.heard().bytes.len())
            .sum()
    }

    /// Bytes of memory that the inspection of a flow takes.
    fn footprint(inspector: &Inspector) -> usize {
        let windows = inspector.sides.iter().map(|side| side.said.allocated());
        size_of::<Inspector>() + windows.sum::<usize>()
    }

    #[test]
    fn an_undecided_flow_takes_at_most_8_kib_and_a_decided_one_no_window() {
        for number in [protocol::TCP, protocol::UDP] {
            let mut inspector = Inspector::new(number, 50_000, 50_001);
            assert_eq!(footprint(&inspector), size_of::<Inspector>());
            for piece in 0..8 {
                for opener in [true, false] {
                    // Gaps between all pieces: the list of what is there is at its longest.
                    inspector.payload(opener, 1 + 240 * piece, &[0xff; 200]);
                    assert!(footprint(&inspector) <= 8192);
                }
            }
            assert!(inspector.decided());
            assert_eq!(footprint(&inspector), size_of::<Inspector>());
        }
    }

    #[test]
    fn a_first_segment_that_decides_takes_no_window() {
        let mut inspector = Inspector::new(protocol::TCP, 50_000, 80);
        inspector.payload(true, 0, b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
        assert!(!inspector.decided());
        assert_eq!(footprint(&inspector), size_of::<Inspector>());
        inspector.payload(
            false,
            0,
            b"HTTP/1.1 200 OK\r\nContent-Type: text/css\r\n\r\n",
        );
        assert!(inspector.decided());
        assert_eq!(inspector.finish().content_type.as_deref(), Some("text/css"));
    }

    #[test]
    fn nothing_is_held_once_the_label_is_decided() {
        let mut inspector = Inspector::new(protocol::TCP, 50_000, 22);
        inspector.payload(false, 0, b"SSH-2.0-");
        assert_eq!(held(&inspector), 8);
        inspector.payload(false, 8, b"OpenSSH_9.2p1\r\n");
        assert!(inspector.decided());
        assert_eq!(held(&inspector), 0);
        inspector.payload(true, 0, b"SSH-2.0-OpenSSH_9.2p1\r\n");
        assert_eq!(held(&inspector), 0);
    }

    #[test]
    fn a_side_of_no_known_protocol_is_not_held_while_the_other_is_awaited() {
        let mut inspector = Inspector::new(protocol::TCP, 50_000, 50_001);
        inspector.payload(true, 0, &[0xff; 64]);
        assert_eq!(held(&inspector), 0);
        assert!(!inspector.decided());
    }

    #[test]
    fn eight_datagrams_a_side_are_judged_and_then_none_is_held() {
        let mut inspector = Inspector::new(protocol::UDP, 40_000, 40_001);
        for side in [true, false] {
            for offset in 0..8 {
                assert!(!inspector.decided());
                inspector.payload(side, offset, b"\0");
            }
        }
        assert!(inspector.decided());
        assert_eq!(held(&inspector), 0);
    }

    #[test]
    fn what_was_likely_of_a_stream_s_beginning_is_withdrawn_where_more_of_it_is_another_protocol() {
        let mut inspector = Inspector::new(protocol::TCP, 50_000, 4343);
        inspector.payload(true, 0, b"example.org\r\n");
        inspector.payload(true, 13, b"Accept: nothing of Whois\r\n");
        assert_eq!(inspector.finish().confidence, Confidence::Guess);
    }

    #[test]
    fn the_opener_s_word_of_the_application_counts_first_in_any_order() {
        let request = &b"LOCK / HTTP/1.1\r\n\r\n"[..];
        let response = b"HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\n\r\n";
        for turns in [
            [(true, request), (false, response)],
            [(false, response), (true, request)],
        ] {
            let mut inspector = Inspector::new(protocol::TCP, 50_000, 80);
            for (by_opener, bytes) in turns {
                inspector.payload(by_opener, 0, bytes);
            }
            assert_eq!(inspector.finish().label.app, "WebDAV");
        }
    }

    #[test]
    fn the_second_side_adds_its_facts_to_a_label_that_the_first_decided() {
        let mut inspector = Inspector::new(protocol::TCP, 50_000, 80);
        inspector.payload(
            false,
            0,
            b"HTTP/1.1 200 OK\r\nContent-Type: text/css\r\n\r\n",
        );
        inspector.payload(true, 0, b"GET / HTTP/1.1\r\nHost: example.org\r\n");
        assert!(!inspector.decided());
        let inspection = inspector.finish();
        assert_eq!(inspection.content_type.as_deref(), Some("text/css"));
        let name = inspection.server_name.unwrap();
        assert_eq!(name.reveal(), "example.org");
    }

    fn request_to(host: &str) -> Inspection {
        let mut inspector = Inspector::new(protocol::TCP, 50_000, 80);
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        inspector.payload(true, 0, request.as_bytes());
        inspector.finish()
    }

    #[test]
    fn the_server_s_name_tells_the_application_and_perhaps_the_category() {
        for (host, label, category, method) in [
            ("open.spotify.com", "HTTP.Spotify", "Music", Method::Host),
            ("captive.apple.com", "HTTP.Apple", "ConnCheck", Method::Host),
            ("nmcheck.gnome.org", "HTTP", "ConnCheck", Method::Dpi),
            ("example.org", "HTTP", "Web", Method::Dpi),
        ] {
            let inspection = request_to(host);
            assert_eq!(inspection.label.to_string(), label);
            assert_eq!((inspection.category, inspection.method), (category, method));
        }
    }

    #[test]
    fn mail_and_name_lookups_keep_their_category_whoever_is_asked() {
        let service = hosts::service("captive.apple.com");
        for (protocol, category) in [("IMAPS", "Email"), ("DNS", "Network"), ("TLS", "ConnCheck")] {
            assert_eq!(carried(Label::of(protocol), service), Some(category));
        }
        assert_eq!(carried(Label::of("TLS"), hosts::service("apple.com")), None);
        assert_eq!(carried(Label::of("DNS"), None), None);
    }
}
