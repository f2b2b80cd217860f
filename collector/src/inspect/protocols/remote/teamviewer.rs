//! TeamViewer by the magic numbers of its commands, 17 24 and 11 30. The vendor publishes no
//! description; the rule rests on these two bytes. They are few, so that the port, the other side or
//! a second datagram has to agree.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("TeamViewer"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 5938;
/// What stands before the command in a datagram.
const DATAGRAM_HEADER: usize = 11;

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.transport {
        Transport::Tcp => stream(speech),
        Transport::Udp => datagram(speech),
    }
}

fn stream(speech: &Speech<'_>) -> Verdict {
    command(&mut Reader::open(speech.bytes))?;
    if speech.on_port(PORT) {
        return Ok(Finding::default());
    }
    match command(&mut Reader::open(speech.other.bytes)) {
        Ok(()) => Ok(Finding::default()),
        Err(fault) => Err(fault),
    }
}

fn datagram(speech: &Speech<'_>) -> Verdict {
    wrapped(speech.bytes)?;
    let heard = speech.earlier.datagrams().chain(speech.other.datagrams());
    let again = heard.into_iter().any(|other| wrapped(other).is_ok());
    if again || speech.on_port(PORT) {
        return Ok(Finding::default());
    }
    Err(Fault::Short("second command"))
}

fn wrapped(bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::whole(bytes);
    Reader::require(reader.u8("datagram header")? == 0, "datagram header")?;
    reader.take(DATAGRAM_HEADER - 1, "datagram header")?;
    command(&mut reader)
}

fn command(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let magic = reader.u16("magic number")?;
    Reader::require(matches!(magic, 0x1724 | 0x1130), "magic number")?;
    let command = reader.u8("command")?;
    Reader::require((0x01..=0x7f).contains(&command), "command")
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
            5938,
            &[
                Opener(b"\x17\x24\x0a\x20\0\0\0\0\0\x80\0\0\0\0"),
                Responder(b"\x17\x24\x10\x04\0\0\0\0"),
            ],
            "TeamViewer",
        ),
        Talk::udp(
            50_001,
            &[
                Opener(b"\0\x15\x6c\0\0\0\0\0\0\0\0\x17\x24\x0a\0"),
                Responder(b"\0\x15\x6c\0\0\0\0\0\0\0\0\x17\x24\x0a\0"),
            ],
            "TeamViewer",
        ),
    ];

    #[test]
    fn two_bytes_alone_are_not_enough() {
        let bytes = b"\x17\x24\x0a\x20";
        assert!(probe(&Speech::stream(4000, bytes, false)).is_err());
        assert!(probe(&Speech::stream(5938, bytes, false)).is_ok());
        assert!(probe(&Speech::datagram(4000, &[0; 16])).is_err());
    }
}
