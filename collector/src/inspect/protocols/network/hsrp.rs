//! HSRP of Cisco, on its ports: version 1 (RFC 2281, section 5), and version 2, of which no
//! description is published: there the rule rests on the types and lengths of its elements.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("HSRP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORTS: [u16; 2] = [1985, 2029];

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_ports(&PORTS), "port")?;
    let mut reader = speech.reader();
    match reader.u8("version")? {
        0 => first(&mut reader)?,
        _ => second(speech.reader())?,
    }
    Ok(Finding::default())
}

fn first(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let operation = reader.u8("operation")?;
    Reader::require(operation <= 3, "operation")?;
    if operation == 3 {
        // An advertisement of interface state: its type and its length.
        Reader::require(reader.u16("advertisement")? == 1, "advertisement")?;
        let length = usize::from(reader.u16("length")?);
        return Reader::require(length == reader.rest().len(), "length");
    }
    let state = reader.u8("state")?;
    Reader::require(matches!(state, 0 | 1 | 2 | 4 | 8 | 16), "state")?;
    reader.take(4, "times and group")?;
    Reader::require(reader.u8("reserved")? == 0, "reserved")?;
    reader.take(12, "authentication and address")?;
    // A digest may follow, in the form of version 2.
    second(*reader)
}

/// Elements up to the end: a group's state, the interface's state, authentication.
fn second(mut reader: Reader<'_>) -> Result<(), Fault> {
    while !reader.at_end() {
        let kind = reader.u8("element")?;
        let length = reader.u8("element length")?;
        let known = matches!((kind, length), (1, 40) | (2, 4) | (3, 8) | (4, 28));
        Reader::require(known, "element")?;
        reader.take(usize::from(length), "element")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            1985,
            &[Opener(b"\0\0\x10\x03\nd\x01\0cisco\0\0\0\xc0\0\x02\x01")],
            "HSRP",
        ),
        Talk::udp(
            1985,
            &[Opener(
                b"\x01(\x02\0\x05\x04\x03\x98p\x0fj\xef\xf5\xbf\0\0\0Z\0\0\x0b\xb8\0\0\
                    '\x10\xc0\0\x02\x01\0\0\0\0\0\0\0\0\0\0\0\0\x03\x08cisco\0\0\0",
            )],
            "HSRP",
        ),
        Talk::udp(2029, &[Opener(b"\x02\x04\0\0\0\x01")], "HSRP"),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn another_port_or_element_is_not_hsrp() {
        assert!(!certain(2_028, b"\x02\x04\0\0\0\x01"));
        assert!(!certain(2_029, b"\x02\x05\0\0\0\x01\0"));
        assert!(!certain(
            1_985,
            b"\0\0\x03\x03\x0a\x64\x01\0cisco\0\0\0\0\0\0\0"
        ));
        assert!(!certain(1_985, &[0; 21]) && !certain(1_985, b"\0\x03\0\x01\0\x0a"));
    }
}
