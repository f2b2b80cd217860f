//! OpenFlow by its HELLO (Open Networking Foundation, switch specification 1.5.1, section 7.5.1):
//! away from its ports it has to list versions, as it does since 1.3.1.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("OpenFlow"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORTS: [u16; 2] = [6633, 6653];

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    let version = reader.u8("version")?;
    Reader::require((1..=6).contains(&version), "version")?;
    Reader::require(reader.u8("message type")? == 0, "message type")?;
    let length = reader.u16("length")?;
    Reader::require(
        (8..=256).contains(&length) && length.is_multiple_of(8),
        "length",
    )?;
    reader.u32("number")?;
    if speech.on_ports(&PORTS) && length == 8 {
        return Ok(Finding::default());
    }
    // One element: versions, a bit each.
    Reader::require(length == 16, "length")?;
    reader.magic(b"\0\x01\0\x08", "versions")?;
    Reader::require(reader.u32("versions")? != 0, "versions")?;
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
            6653,
            &[
                Opener(b"\x06\0\0\x10\0\0\0\x01\0\x01\0\x08\0\0\0@"),
                Responder(b"\x06\0\0\x10\xff\xff\xff\xff\0\x01\0\x08\0\0\0r"),
            ],
            "OpenFlow",
        ),
        Talk::tcp(6633, &[Responder(b"\x01\0\0\x08\0\0\0\x01")], "OpenFlow"),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::stream(port, bytes, false)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn away_from_its_ports_a_hello_lists_versions() {
        assert!(!certain(40_000, b"\x01\0\0\x08\0\0\0\x01"));
        assert!(certain(
            40_000,
            b"\x04\0\0\x10\0\0\0\x01\0\x01\0\x08\0\0\0\x10"
        ));
        assert!(!certain(6653, b"\x07\0\0\x08\0\0\0\x01"));
    }
}
