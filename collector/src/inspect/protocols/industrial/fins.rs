//! Omron's FINS: over TCP behind a header that begins with the name and its length, over UDP on its
//! port, by the header's fixed bits and a command.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("FINS"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 9600;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    if speech.transport == Transport::Tcp {
        reader.magic(b"FINS", "name")?;
        let length = reader.u32("length")?;
        Reader::require((8..=0xffff).contains(&length), "length")?;
        return Ok(Finding::default());
    }
    Reader::require(speech.on_port(PORT), "port")?;
    // Gateway used, command or answer, answer wanted or not.
    let control = reader.u8("control")?;
    Reader::require(control & !0x41 == 0x80, "control")?;
    Reader::require(reader.u8("reserved")? == 0, "reserved")?;
    Reader::require(reader.u8("gateways")? <= 7, "gateways")?;
    reader.take(7, "addresses")?;
    let command = reader.u8("command")?;
    let known = matches!(command, 1..=0x0c | 0x20..=0x23 | 0x26..=0x30);
    Reader::require(known && reader.u8("command")? != 0, "command")?;
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
            9600,
            &[
                Opener(b"FINS\0\0\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0"),
                Responder(b"FINS\0\0\0\x10\0\0\0\x01\0\0\0\0\0\0\0\xfb\0\0\0\xc8"),
            ],
            "FINS",
        ),
        Talk::udp(
            9600,
            &[Opener(b"\x80\0\x02\0\0\0\0c\0\xef\x05\x01\0")],
            "FINS",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn another_port_or_control_is_not_fins() {
        let read = b"\x80\0\x02\0\0\0\0\x63\0\xef\x05\x01\0";
        assert!(certain(9600, read) && !certain(9601, read));
        let mut other = *read;
        other[0] = 0x90;
        assert!(!certain(9600, &other) && !certain(9600, &read[..11]));
    }
}
