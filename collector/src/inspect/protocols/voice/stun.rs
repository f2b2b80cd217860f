//! STUN and TURN (RFC 8489, RFC 8656; RFC 3489 before them), by the magic cookie, and where a
//! classic message has none by attributes that fill it. Over TCP a message stands bare or in a
//! frame of RFC 4571.
//!
//! Where no attribute tells the application, what follows in the flow makes the label more precise:
//! DTLS or SRTP.

use std::iter;

use crate::inspect::{
    Label,
    protocols::web::dtls,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
    vocabulary,
};

mod application;
mod media;

use media::{carried, follow, packet};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("STUN"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const COOKIE: u32 = 0x2112_a442;
/// STUN and TURN, and the second port of a server of RFC 3489.
const PORTS: [u16; 2] = [3478, 3479];
/// More than any message over a stream holds.
const LONGEST: u16 = 2048;

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.transport {
        Transport::Udp => datagram(speech),
        Transport::Tcp => stream(speech),
    }
}

/// A message, or what follows messages in their flow.
fn datagram(speech: &Speech<'_>) -> Verdict {
    let heard = || speech.datagrams().chain(speech.other.datagrams());
    let messages = || heard().filter_map(message_alone);
    match message_alone(speech.bytes) {
        Some(message) if !message.certain(speech) => return Ok(Finding::likely()),
        Some(_) => {}
        None => {
            let bytes = carried(speech.bytes);
            let follows = dtls::begins(bytes) || packet(bytes).is_some();
            Reader::require(follows, "STUN message")?;
            let preceded = messages().any(|message| message.cookie);
            Reader::require(preceded, "STUN message")?;
        }
    }
    let told = messages().find_map(|message| message.application(speech));
    Ok(match told {
        Some(app) => finding("STUN", Some(app)),
        None => unnamed(speech, heard),
    })
}

/// The category is said each time, as a later datagram may tell more than an earlier one. A set-up
/// of which no application is known stays with STUN's.
fn finding(master: &'static str, app: Option<&'static str>) -> Finding {
    let label = Label {
        master,
        app: app.unwrap_or(master),
    };
    Finding {
        label: Some(label),
        category: Some(app.map_or("Network", |_| vocabulary::category(label))),
        ..Finding::default()
    }
}

/// No attribute told the application.
fn unnamed<'a, I: Iterator<Item = &'a [u8]>>(
    speech: &Speech<'_>,
    heard: impl Fn() -> I,
) -> Finding {
    let master = if heard().any(|datagram| dtls::begins(carried(datagram))) {
        "DTLS"
    } else if follow(&heard) {
        "SRTP"
    } else {
        "STUN"
    };
    let app = application::certified(speech)
        .or_else(|| application::by_port(speech, heard()))
        .or_else(|| application::between_clients(heard()));
    Finding {
        more: true,
        ..finding(master, app)
    }
}

fn stream(speech: &Speech<'_>) -> Verdict {
    let bare = message(&mut Reader::open(speech.bytes), true);
    let framed = matches!(bare, Err(Fault::Wrong(_)));
    if framed {
        frame(&mut Reader::open(speech.bytes))?;
    } else {
        bare?;
    }
    let mut reader = Reader::open(speech.bytes);
    let mut messages = iter::from_fn(|| match framed {
        true => frame(&mut reader).ok(),
        false => message(&mut reader, true).ok(),
    });
    let app = messages.find_map(|message| message.application(speech));
    Ok(Finding {
        more: app.is_none(),
        ..finding("STUN", app)
    })
}

/// RFC 4571, as RFC 6544 puts it to use.
fn frame<'a>(reader: &mut Reader<'a>) -> Result<Message<'a>, Fault> {
    let length = reader.u16("frame length")?;
    let mut rest = *reader;
    let message = message(&mut rest, true)?;
    let whole = usize::from(length) == HEADER + message.attributes.len();
    Reader::require(whole, "frame length")?;
    *reader = rest;
    Ok(message)
}

struct Message<'a> {
    kind: u16,
    cookie: bool,
    attributes: &'a [u8],
}

const HEADER: usize = 20;

fn message<'a>(reader: &mut Reader<'a>, modern: bool) -> Result<Message<'a>, Fault> {
    let kind = reader.u16("message type")?;
    Reader::require(kind & 0xc000 == 0, "message type")?;
    let length = reader.u16("message length")?;
    let cookie = reader.u32("magic cookie")? == COOKIE;
    Reader::require(cookie || !modern, "magic cookie")?;
    Reader::require(!modern || length <= LONGEST, "message length")?;
    reader.take(12, "transaction ID")?;
    let attributes = reader.take(usize::from(length), "attributes")?;
    let known = cookie || classic(kind) || attributes.starts_with(MICROSOFT);
    Reader::require(known, "message type")?;
    let mut walked = Reader::whole(attributes);
    while !walked.at_end() {
        attribute(&mut walked)?;
    }
    Ok(Message {
        kind,
        cookie,
        attributes,
    })
}

/// The first attribute of [MS-TURN], a cookie of its own (section 2.2.2.8).
const MICROSOFT: &[u8] = b"\0\x0f\0\x04\x72\xc6\x4b\xc6";

/// A datagram that is nothing but a message.
fn message_alone(bytes: &[u8]) -> Option<Message<'_>> {
    let mut reader = Reader::whole(bytes);
    let message = message(&mut reader, false).ok()?;
    reader.at_end().then_some(message)
}

/// The messages of RFC 3489, section 11.1.
fn classic(kind: u16) -> bool {
    matches!(kind, 0x0001 | 0x0101 | 0x0111 | 0x0002 | 0x0102 | 0x0112)
}

/// Type and value. The last one goes without padding in some implementations.
fn attribute<'a>(reader: &mut Reader<'a>) -> Result<(u16, &'a [u8]), Fault> {
    let kind = reader.u16("attribute type")?;
    let length = usize::from(reader.u16("attribute length")?);
    let value = reader.take(length, "attribute value")?;
    let padding = length.next_multiple_of(4) - length;
    reader.take(padding.min(reader.rest().len()), "padding")?;
    Ok((kind, value))
}

impl<'a> Message<'a> {
    fn attributes(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut reader = Reader::whole(self.attributes);
        iter::from_fn(move || attribute(&mut reader).ok())
    }

    /// Without the cookie the attributes have to be those of RFC 3489 (or Zoom's), and there are
    /// none in a bare request: then the port has to agree.
    fn certain(&self, speech: &Speech<'_>) -> bool {
        let known = |kind| matches!(kind, 0x0001..=0x000b | 0x0020 | 0x8020 | 0x8022 | 0x0101);
        let told = !self.attributes.is_empty() && self.attributes().all(|(kind, _)| known(kind));
        self.cookie || told || self.relays() || speech.on_ports(&PORTS)
    }

    fn relays(&self) -> bool {
        self.attributes.starts_with(MICROSOFT)
    }

    fn application(&self, speech: &Speech<'_>) -> Option<&'static str> {
        // Methods that are WhatsApp's own.
        if self.cookie && matches!(self.kind, 0x0800..=0x0805) {
            return Some("WhatsAppCall");
        }
        if self.relays() {
            return Some("Skype_TeamsCall");
        }
        self.attributes()
            .find_map(|(kind, value)| application::by_attribute(kind, value, speech))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{self, Opener, Responder},
    };

    const ID: [u8; 12] = *b"abcdefghijkl";

    const REQUEST: &[u8] = b"\0\x01\0\0\x21\x12\xa4\x42abcdefghijkl";
    const RESPONSE: &[u8] =
        b"\x01\x01\0\x0c\x21\x12\xa4\x42abcdefghijkl\0\x20\0\x08\0\x01\xe1\xba\xe1\x12\xa6\x43";
    /// A check of ICE: user name, priority.
    const CHECK: &[u8] =
        b"\0\x01\0\x18\x21\x12\xa4\x42abcdefghijkl\0\x06\0\x09abcd:efgh\0\0\0\0\x24\0\x04\x6e\x7f\
        \x1e\xff";
    /// The answer to a request for a relay: error, nonce, realm.
    const UNAUTHORIZED: &[u8] =
        b"\x01\x13\0\x28\x21\x12\xa4\x42abcdefghijkl\0\x09\0\x10\0\0\x04\x01Unauthorized\
        \0\x14\0\x0fturn.signal.org\0";
    /// Alert of DTLS 1.2.
    const ALERT: &[u8] = b"\x15\xfe\xfd\0\0\0\0\0\0\0\x01\0\x02\x02\x28";
    const MORE_MEDIA: &[u8] =
        b"\x90\x6f\0\x02\0\0\x07\x80\x12\x34\x56\x78\xbe\xde\0\x01\x10\xff\0\0efgh";
    const MEDIA: &[u8] =
        b"\x90\x6f\0\x01\0\0\x03\xc0\x12\x34\x56\x78\xbe\xde\0\x01\x10\xff\0\0abcd";

    const fn call(turns: &'static [Turn], label: &'static str) -> Talk {
        Talk::udp(40_001, turns, label)
    }

    pub(crate) const TALKS: &[Talk] = &[
        call(&[Opener(REQUEST), Responder(RESPONSE)], "STUN"),
        call(
            &[Opener(REQUEST), Responder(UNAUTHORIZED)],
            "STUN.SignalVoip",
        ),
        call(&[Opener(CHECK), Responder(RESPONSE), Opener(ALERT)], "DTLS"),
        call(
            &[
                Opener(CHECK),
                Responder(RESPONSE),
                Responder(MEDIA),
                Responder(MORE_MEDIA),
            ],
            "SRTP",
        ),
        call(
            &[Opener(
                b"\0\x03\0\x09\x21\x12\xa4\x42abcdefghijkl\x40\0\0\x05\x09\x02\xb6\x28\x1e",
            )],
            "STUN.WhatsAppCall",
        ),
        call(
            &[Opener(
                b"\0\x01\0\x08\x21\x12\xa4\x42abcdefghijkl\x80\x70\0\x04\0\0\0\x03",
            )],
            "STUN.Skype_TeamsCall",
        ),
        call(
            &[
                Opener(b"\0\x01\0\x18\x21\x12\xa4\x42abcdefghijkl\0\x08\0\x14abcdefghijklmnopqrst"),
                Responder(RESPONSE),
                Opener(MEDIA),
                Opener(MORE_MEDIA),
            ],
            "SRTP.WhatsAppCall",
        ),
        call(
            &[Opener(
                b"\0\x03\0\x10\x12\x34\x56\x78abcdefghijkl\0\x0f\0\x04\x72\xc6\x4b\xc6\x80\x08\0\x04\
                \0\0\0\x06",
            )],
            "STUN.Skype_TeamsCall",
        ),
        Talk::udp(19_305, &[Opener(CHECK)], "STUN.GoogleCall"),
        Talk::udp(
            3478,
            &[Opener(
                b"\0\x01\0\x18\xfc\xa5\xc2\x32abcdefghijkl\x01\x01\0\x141234567890123456789\0",
            )],
            "STUN.Zoom",
        ),
        Talk::udp(
            1400,
            &[
                Opener(REQUEST),
                Responder(b"\x01\x01\0\x08\x21\x12\xa4\x42abcdefghijkl\x80\x22\0\x04None"),
            ],
            "STUN.TelegramVoip",
        ),
        call(
            &[Opener(
                b"\0\x01\0\x0c\x21\x12\xa4\x42abcdefghijkl\x80\x22\0\x08tailnode",
            )],
            "STUN.Tailscale",
        ),
        Talk::tcp(
            3478,
            &[Opener(REQUEST), Responder(UNAUTHORIZED)],
            "STUN.SignalVoip",
        ),
        Talk::tcp(
            40_001,
            &[Opener(b"\0\x14\0\x01\0\0\x21\x12\xa4\x42abcdefghijkl")],
            "STUN",
        ),
    ];

    fn judge(port: u16, bytes: &[u8]) -> Verdict {
        probe(&Speech::datagram(port, bytes))
    }

    #[test]
    fn a_classic_request_without_attributes_needs_the_port() {
        let request = [&b"\0\x01\0\0\x11\x22\x33\x44"[..], &ID].concat();
        assert!(judge(3478, &request).is_ok_and(|finding| !finding.likely));
        assert!(judge(40_000, &request).is_ok_and(|finding| finding.likely));
        let change = [
            &b"\0\x01\0\x08\x11\x22\x33\x44"[..],
            &ID,
            b"\0\x03\0\x04\0\0\0\x06",
        ]
        .concat();
        assert!(judge(40_000, &change).is_ok_and(|finding| !finding.likely));
    }

    #[test]
    fn a_message_has_the_length_that_it_names_and_whole_attributes() {
        assert!(judge(3478, &[REQUEST, b"\0"].concat()).is_err());
        let overrun = [&b"\0\x01\0\x04\x21\x12\xa4\x42"[..], &ID, b"\0\x06\0\x08"].concat();
        assert!(judge(3478, &overrun).is_err());
    }

    #[test]
    fn what_may_follow_stun_is_not_stun_without_it() {
        assert!(judge(3478, ALERT).is_err());
        assert!(judge(3478, MEDIA).is_err());
    }

    #[test]
    fn a_bare_request_to_google_s_public_server_names_no_application() {
        let finding = judge(19_302, REQUEST).unwrap();
        assert_eq!(finding.label, Some(Label::of("STUN")));
    }
}
