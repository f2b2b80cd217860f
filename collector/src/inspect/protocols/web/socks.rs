//! SOCKS 4 and 4a (Y.-D. Lee's protocol description) and 5 (RFC 1928): the client's first message
//! together with the server's, for either alone has few fixed bits, but for a request of version 4
//! on the protocol's port.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("SOCKS"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 1080;

fn probe(speech: &Speech<'_>) -> Verdict {
    let (client, server) = if speech.from_opener {
        (speech.bytes, speech.other.bytes)
    } else {
        (speech.other.bytes, speech.bytes)
    };
    if speech.bytes.first() == Some(&4) || speech.bytes.first() == Some(&0) {
        return version_4(client, server, speech.on_port(PORT));
    }
    version_5(speech, client, server)
}

/// A greeting lists the ways to authenticate; the server takes one of them, or none.
fn version_5(speech: &Speech<'_>, client: &[u8], server: &[u8]) -> Verdict {
    const NONE_ACCEPTABLE: u8 = 0xff;
    Reader::open(speech.bytes).magic(&[5], "version")?;
    let mut greeting = Reader::open(client);
    greeting.magic(&[5], "version")?;
    let count = usize::from(greeting.u8("count of methods")?);
    Reader::require((1..=16).contains(&count), "count of methods")?;
    let offered = greeting.take(count, "methods")?;
    let mut answer = Reader::open(server);
    answer.magic(&[5], "version")?;
    let taken = answer.u8("method")?;
    let known = offered.contains(&taken) || taken == NONE_ACCEPTABLE;
    Reader::require(known, "method")?;
    // Without authentication the request follows at once, and proves the rest.
    if taken != 0 {
        return Ok(Finding::likely());
    }
    request(&mut greeting)?;
    Ok(Finding::default())
}

/// RFC 1928, section 4.
fn request(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.magic(&[5], "version")?;
    let command = reader.u8("command")?;
    Reader::require((1..=3).contains(&command) || command >= 0xf0, "command")?;
    reader.magic(&[0], "reserved byte")?;
    let kind = reader.u8("type of address")?;
    Reader::require(matches!(kind, 1 | 3 | 4), "type of address")
}

/// A request ends with a user's name, and with a host's where the address is 0.0.0.x.
fn version_4(client: &[u8], server: &[u8], on_port: bool) -> Verdict {
    const LONGEST_NAME: usize = 255;
    let mut reader = Reader::open(client);
    reader.magic(&[4], "version")?;
    let command = reader.u8("command")?;
    Reader::require(matches!(command, 1 | 2), "command")?;
    reader.u16("port")?;
    let address = reader.u32("address")?;
    reader.string(LONGEST_NAME, "user")?;
    if (1..=0xff).contains(&address) {
        reader.string(LONGEST_NAME, "host")?;
    }
    if on_port {
        return Ok(Finding::default());
    }
    let mut reply = Reader::open(server);
    reply.magic(&[0], "version of reply")?;
    let code = reply.u8("code")?;
    Reader::require((0x5a..=0x5d).contains(&code), "code")?;
    reply.take(6, "address")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            1080,
            &[
                Opener(b"\x05\x02\0\x01"),
                Responder(b"\x05\0"),
                Opener(b"\x05\x01\0\x03\x0bexample.org\x01\xbb"),
                Responder(b"\x05\0\0\x01\x7f\0\0\x01\x04\x38"),
            ],
            "SOCKS",
        ),
        Talk::tcp(
            9050,
            &[
                Opener(b"\x04\x01\0\x50\0\0\0\x01me\0example.org\0"),
                Responder(b"\0\x5a\0\0\0\0\0\0"),
            ],
            "SOCKS",
        ),
    ];

    #[test]
    fn what_the_server_takes_must_have_been_offered() {
        assert!(
            version_5(
                &Speech::stream(1080, b"\x05\x01\0", false),
                b"\x05\x01\0",
                b"\x05\x02"
            )
            .is_err()
        );
    }

    #[test]
    fn a_greeting_alone_proves_nothing() {
        let judged = probe(&Speech::stream(1080, b"\x05\x01\0", false));
        assert!(matches!(judged, Err(Fault::Short(_))));
    }

    #[test]
    fn a_request_of_version_4_needs_the_port_or_the_reply() {
        let request = b"\x04\x01\0\x50\xc0\0\x02\x01me\0";
        assert!(version_4(request, b"", true).is_ok());
        assert!(matches!(
            version_4(request, b"", false),
            Err(Fault::Short(_))
        ));
        assert!(version_4(request, b"\0\x5a\0\0\0\0\0\0", false).is_ok());
        assert!(matches!(
            version_4(request, b"\0\x01", false),
            Err(Fault::Wrong(_))
        ));
    }
}
