//! Mumble: the ping over UDP of Mumble's protocol documentation ("Establishing a connection", UDP
//! ping), which the server answers with its version and the same identifier. Voice itself is
//! encrypted, and what is said over TCP is TLS.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Mumble"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 64_738;

fn probe(speech: &Speech<'_>) -> Verdict {
    let identifier = match speech.bytes.len() {
        12 => request(speech.bytes)?,
        _ => answer(speech.bytes)?,
    };
    let matches =
        |other: &[u8]| request(other) == Ok(identifier) || answer(other) == Ok(identifier);
    let answered = identifier != 0 && speech.other.datagrams().any(matches);
    if answered || speech.on_port(PORT) {
        return Ok(Finding::default());
    }
    Err(Fault::Short("answer"))
}

fn request(bytes: &[u8]) -> Result<u64, Fault> {
    let mut reader = Reader::whole(bytes);
    reader.magic(&[0; 4], "request")?;
    let identifier = reader.u64("identifier")?;
    reader.end("end")?;
    Ok(identifier)
}

/// Version 1 with two more parts, then users, most users, bits per second.
fn answer(bytes: &[u8]) -> Result<u64, Fault> {
    let mut reader = Reader::whole(bytes);
    reader.magic(&[0, 1], "version")?;
    reader.u16("version")?;
    let identifier = reader.u64("identifier")?;
    let users = reader.u32("users")?;
    let most = reader.u32("most users")?;
    reader.u32("bandwidth")?;
    Reader::require(users <= most, "users")?;
    reader.end("end")?;
    Ok(identifier)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    const PING: &[u8] = b"\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08";
    const PONG: &[u8] =
        b"\0\x01\x02\x04\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\x05\0\0\0\x64\0\x01\x19\x40";

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(64_738, &[Opener(PING)], "Mumble"),
        Talk::udp(40_001, &[Opener(PING), Responder(PONG)], "Mumble"),
    ];

    #[test]
    fn away_from_its_port_a_ping_needs_its_answer() {
        assert!(probe(&Speech::datagram(40_001, PING)).is_err());
        assert!(probe(&Speech::datagram(64_738, &PING[..11])).is_err());
    }
}
