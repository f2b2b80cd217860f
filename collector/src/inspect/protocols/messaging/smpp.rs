//! SMPP (Short Message Peer-to-Peer Protocol Specification 3.4, section 3.2 and 4; 5.0): length,
//! command, status, sequence number.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("SMPP"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 2775;
const RESPONSE: u32 = 0x8000_0000;
/// The header, four strings and three bytes.
const SHORTEST_BIND: u32 = 23;
/// Bind as receiver, transmitter, transceiver.
const BINDS: [u32; 3] = [1, 2, 9];

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let length = reader.u32("length")?;
    Reader::require((16..=0x1_0000).contains(&length), "length")?;
    let command = reader.u32("command")?;
    let of_response = command & RESPONSE != 0;
    known(command, of_response)?;
    let status = reader.u32("status")?;
    Reader::require(status == 0 || of_response && status <= 0x1_0000, "status")?;
    let sequence = reader.u32("sequence number")?;
    // Numbers begin with 1; what could not be read had none. A bind tells enough without.
    let numbered = sequence > 0 || command == RESPONSE || BINDS.contains(&(command & !RESPONSE));
    Reader::require(numbered && sequence < RESPONSE, "sequence number")?;
    if BINDS.contains(&command) {
        Reader::require(length >= SHORTEST_BIND, "length")?;
        bind(&mut reader)?;
    }
    let bare = matches!(command & !RESPONSE, 0 | 6 | 0x15);
    Reader::require(!bare || length == 16, "length")?;
    let telling = of_response || bare || BINDS.contains(&command);
    Ok(Finding::certain_if(telling || speech.on_port(PORT)))
}

fn known(command: u32, of_response: bool) -> Result<(), Fault> {
    let known = match command & !RESPONSE {
        // A negative acknowledgement, to what could not be read.
        0 => of_response,
        // Outbind and alert notification are not answered.
        0x0b | 0x102 => !of_response,
        1..=9 | 0x15 | 0x21 | 0x103 | 0x111..=0x113 => true,
        _ => false,
    };
    Reader::require(known, "command")
}

/// Name, password and type of the system, each before NUL, and the interface's version. Who binds
/// has a name: a response of Kafka's may be like the rest.
fn bind(reader: &mut Reader<'_>) -> Result<(), Fault> {
    Reader::require(reader.rest().first() != Some(&0), "system id")?;
    // One byte less than the specification's sizes, which count the zero byte.
    for (limit, part) in [(15, "system id"), (8, "password"), (12, "system type")] {
        reader.string(limit, part)?;
    }
    let version = reader.u8("interface version")?;
    Reader::require(version <= 0x50, "interface version")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A transmitter binds, and asks whether the link holds.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        2775,
        &[
            Opener(b"\0\0\0\x25\0\0\0\x02\0\0\0\0\0\0\0\x01user\0secret\0SMPP\0\x34\0\0\0"),
            Responder(b"\0\0\0\x15\x80\0\0\x02\0\0\0\0\0\0\0\x01SMSC\0"),
            Opener(b"\0\0\0\x10\0\0\0\x15\0\0\0\0\0\0\0\x02"),
        ],
        "SMPP",
    )];

    fn judge(port: u16, bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(port, bytes, false))
    }

    #[test]
    fn a_message_in_the_midst_is_certain_on_the_port_only() {
        let submit = b"\0\0\0\x40\0\0\0\x04\0\0\0\0\0\0\0\x07\0\x01\x01";
        assert!(!judge(2775, submit).unwrap().likely);
        assert!(judge(40_000, submit).unwrap().likely);
    }

    #[test]
    fn an_unknown_command_a_status_of_a_request_and_an_unending_name_are_not_smpp() {
        for (bytes, part) in [
            (&b"\0\0\0\x10\0\0\0\x0a"[..], "command"),
            (b"\0\0\0\x10\0\0\0\x15\0\0\0\x01", "status"),
            (b"\0\0\0\x11\0\0\0\x15\0\0\0\0\0\0\0\x01", "length"),
            (b"\0\0\0\x40\0\0\0\x04\0\0\0\0\0\0\0\0", "sequence number"),
            (
                b"\0\0\0\x30\0\0\0\x02\0\0\0\0\0\0\0\x01abcdefghijklmnopq",
                "system id",
            ),
        ] {
            assert_eq!(judge(2775, bytes).unwrap_err(), Fault::Wrong(part));
        }
    }
}
