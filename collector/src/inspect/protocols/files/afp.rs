//! AFP by the first request of its session layer (Data Stream Interface, Apple Filing Protocol
//! Reference): a status request or the opening of a session.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("AFP"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 548;
const GET_STATUS: u8 = 3;
const OPEN_SESSION: u8 = 4;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let reply = reader.u8("flags")?;
    Reader::require(reply <= 1, "flags")?;
    let command = reader.u8("command")?;
    let first = matches!(command, GET_STATUS | OPEN_SESSION);
    Reader::require(first, "command")?;
    reader.u16("request number")?;
    Reader::require(reader.u32("error code")? == 0, "error code")?;
    let length = reader.u32("length")?;
    Reader::require(length <= 4096, "length")?;
    Reader::require(reader.u32("reserved")? == 0, "reserved")?;
    if !speech.on_port(PORT) {
        option(&mut reader, command, length)?;
    }
    Ok(Finding::default())
}

/// Elsewhere a session's option, the quantum of attention or of the server, has to be there.
fn option(reader: &mut Reader<'_>, command: u8, length: u32) -> Result<(), Fault> {
    Reader::require(command == OPEN_SESSION && length >= 6, "AFP port")?;
    Reader::require(reader.u8("option")? <= 1, "option")?;
    Reader::require(reader.u8("option length")? == 4, "option length")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        548,
        &[
            Opener(b"\0\x04\0\x01\0\0\0\0\0\0\0\x06\0\0\0\0\x01\x04\0\0\x04\0"),
            Responder(b"\x01\x04\0\x01\0\0\0\0\0\0\0\x06\0\0\0\0\0\x04\0\x10\0\0"),
        ],
        "AFP",
    )];

    #[test]
    fn a_status_request_is_afp_on_its_port_only() {
        let bytes = b"\0\x03\0\x01\0\0\0\0\0\0\0\0\0\0\0\0";
        assert!(probe(&Speech::stream(548, bytes, false)).is_ok());
        assert!(probe(&Speech::stream(4000, bytes, false)).is_err());
    }
}
