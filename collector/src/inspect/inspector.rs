//! One undecided flow: from payload pieces to an [`Inspection`].

use collector_common::{
    flow::{WINDOW_OPENER, WINDOW_RESPONDER, WINDOW_SEGMENTS},
    packet::protocol,
};

use super::{
    Inspection, by_port,
    reassembly::Stream,
    registry::{DISSECTORS, Dissector, Facts, Finding, Service, Speech, Transport, Verdict},
};

/// Takes the payload pieces of one flow and names it. At most 6 KiB of payload are held, and only
/// until the label is certain and its dissector has read what it wants.
pub struct Inspector {
    protocol: u8,
    port: u16,
    transport: Option<Transport>,
    opener: Side,
    responder: Side,
    found: Option<Found>,
    /// No further piece will come.
    ended: bool,
}

impl std::fmt::Debug for Inspector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[scrubbed]")
    }
}

struct Side {
    /// Stays empty on UDP: datagrams are judged one by one and never kept.
    stream: Stream,
    datagrams: u8,
    /// Nothing more is wanted of this side.
    done: bool,
}

struct Found {
    by: &'static Dissector,
    service: Service,
    facts: Facts,
}

impl Inspector {
    /// For a flow of IANA `protocol` to `destination_port`, the port of its responder.
    #[must_use]
    pub fn new(protocol: u8, destination_port: u16) -> Self {
        Self {
            protocol,
            port: destination_port,
            transport: match protocol {
                protocol::TCP => Some(Transport::Tcp),
                protocol::UDP => Some(Transport::Udp),
                _ => None,
            },
            opener: Side::new(WINDOW_OPENER),
            responder: Side::new(WINDOW_RESPONDER),
            found: None,
            ended: false,
        }
    }

    /// Takes a piece. `offset` is its position in bytes: for TCP from the first byte of the stream,
    /// or from the first that was seen, negative for a retransmission from before; for UDP the
    /// running count, each piece being one datagram.
    pub fn payload(&mut self, from_opener: bool, offset: i32, bytes: &[u8]) {
        if self.decided() || self.side(from_opener).done {
            return;
        }
        match self.transport {
            Some(Transport::Tcp) => self.hear_segment(from_opener, offset, bytes),
            Some(Transport::Udp) => self.hear_datagram(from_opener, bytes),
            None => {}
        }
    }

    /// The label is certain, or certain to stay unknown, and nothing more is wanted: all payload
    /// held is zeroed and further pieces are ignored.
    #[must_use]
    pub fn decided(&self) -> bool {
        self.transport.is_none()
            || (self.opener.done && self.responder.done)
            || self
                .found
                .as_ref()
                .is_some_and(|found| !found.by.both_sides)
    }

    /// The outcome at the flow's end. Where the payload named nothing the port does, as a guess.
    #[must_use]
    pub fn finish(mut self) -> Inspection {
        if self.transport == Some(Transport::Tcp) && !self.decided() {
            self.ended = true;
            self.hear_stream(true);
            self.hear_stream(false);
        }
        match self.found {
            Some(found) => found.facts.inspection(found.service),
            None => by_port(self.protocol, 0, self.port),
        }
    }

    fn side(&mut self, from_opener: bool) -> &mut Side {
        if from_opener {
            &mut self.opener
        } else {
            &mut self.responder
        }
    }

    fn hear_datagram(&mut self, from_opener: bool, bytes: &[u8]) {
        let side = self.side(from_opener);
        side.datagrams += 1;
        side.done = side.datagrams >= WINDOW_SEGMENTS;
        let verdict = self.judge(&Speech {
            transport: Transport::Udp,
            port: self.port,
            bytes,
            finished: true,
        });
        if let Verdict::Certain((by, finding)) = verdict {
            self.note(by, finding);
        }
    }

    fn hear_segment(&mut self, from_opener: bool, offset: i32, bytes: &[u8]) {
        if self.side(from_opener).stream.insert(offset, bytes) {
            self.hear_stream(from_opener);
        }
    }

    /// Asks again what the side's stream is, now that its prefix is longer or will stay as it is.
    fn hear_stream(&mut self, from_opener: bool) {
        let undecided = self.found.is_none();
        let side = if from_opener {
            &self.opener
        } else {
            &self.responder
        };
        if side.done {
            return;
        }
        let finished = self.ended || side.stream.exhausted();
        let verdict = self.judge(&Speech {
            transport: Transport::Tcp,
            port: self.port,
            bytes: side.stream.prefix(),
            finished,
        });
        let done = match verdict {
            Verdict::No => true,
            Verdict::Unsure => finished,
            Verdict::Certain((by, finding)) => {
                let more = finding.more;
                self.note(by, finding);
                finished || !more
            }
        };
        if done {
            self.side(from_opener).close();
        }
        if self.decided() {
            self.opener.close();
            self.responder.close();
        } else if undecided && self.found.is_some() {
            // The other side was unsure of another protocol, perhaps: it is asked again.
            self.hear_stream(!from_opener);
        }
    }

    /// Asks the dissector that was certain before, else all of the transport.
    fn judge(&self, speech: &Speech<'_>) -> Verdict<(&'static Dissector, Finding)> {
        let candidates = match &self.found {
            Some(found) => std::slice::from_ref(&found.by),
            None => DISSECTORS,
        };
        let mut answer = Verdict::No;
        for by in candidates {
            if !by.transports.contains(&speech.transport) {
                continue;
            }
            match (by.probe)(speech) {
                Verdict::No => {}
                Verdict::Unsure => answer = Verdict::Unsure,
                Verdict::Certain(finding) => return Verdict::Certain((by, finding)),
            }
        }
        answer
    }

    fn note(&mut self, by: &'static Dissector, finding: Finding) {
        let (service, older) = match self.found.take() {
            Some(found) => (found.service, found.facts),
            None => (by.service, Facts::default()),
        };
        self.found = Some(Found {
            by,
            service: finding.service.unwrap_or(service),
            facts: finding.facts.or(older),
        });
    }
}

impl Side {
    fn new(limit: u32) -> Self {
        Self {
            stream: Stream::new(usize::try_from(limit).unwrap_or_default()),
            datagrams: 0,
            done: false,
        }
    }

    fn close(&mut self) {
        self.stream.clear();
        self.done = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(inspector: &Inspector) -> usize {
        inspector.opener.stream.prefix().len() + inspector.responder.stream.prefix().len()
    }

    #[test]
    fn nothing_is_held_once_the_label_is_decided() {
        let mut inspector = Inspector::new(protocol::TCP, 22);
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
        let mut inspector = Inspector::new(protocol::TCP, 6881);
        inspector.payload(true, 0, b"\x13BitTorrent protocol");
        assert_eq!(held(&inspector), 0);
        assert!(!inspector.decided());
    }

    #[test]
    fn datagrams_are_never_held_and_eight_a_side_are_judged() {
        let mut inspector = Inspector::new(protocol::UDP, 40_000);
        for side in [true, false] {
            for offset in 0..8 {
                assert!(!inspector.decided());
                inspector.payload(side, offset, b"\0");
                assert_eq!(held(&inspector), 0);
            }
        }
        assert!(inspector.decided());
    }

    #[test]
    fn the_second_side_adds_its_facts_to_a_label_that_the_first_decided() {
        let mut inspector = Inspector::new(protocol::TCP, 80);
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
}
