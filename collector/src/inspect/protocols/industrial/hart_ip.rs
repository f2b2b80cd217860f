//! HART-IP (FieldComm Group, TP10300): version, message type and identifier, status, and the
//! message's length.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("HART-IP"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 5094;
const HEADER: usize = 8;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    Reader::require(matches!(reader.u8("version")?, 1 | 2), "version")?;
    let kind = reader.u8("message type")?;
    Reader::require(matches!(kind, 0..=3 | 15), "message type")?;
    // Session opened, closed, kept alive; a token-passing or direct message; the audit log.
    Reader::require(reader.u8("message id")? <= 5, "message id")?;
    let status = reader.u8("status")?;
    reader.u16("sequence number")?;
    let length = usize::from(reader.u16("length")?);
    Reader::require((HEADER..=0x1000).contains(&length), "length")?;
    match speech.transport {
        Transport::Tcp => Reader::require(speech.on_port(PORT), "port")?,
        Transport::Udp => {
            Reader::require(length == speech.bytes.len(), "length")?;
            Reader::require(status == 0 || speech.on_port(PORT), "status")?;
        }
    }
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
        Talk::udp(
            5094,
            &[
                Opener(b"\x01\0\0\0\0\x02\0\r\x01\0\0u0"),
                Responder(b"\x01\x01\0\0\0\x02\0\r\x01\0\0\xea`"),
            ],
            "HART-IP",
        ),
        Talk::tcp(
            5094,
            &[Opener(b"\x01\0\0\0\0\x02\0\r\x01\0\0u0")],
            "HART-IP",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn the_length_must_be_the_datagram_s() {
        let open = b"\x01\0\0\0\0\x02\0\x0d\x01\0\0\x75\x30";
        assert!(certain(40_000, open) && !certain(5094, &open[..12]));
        let mut other = *open;
        other[3] = 9;
        assert!(certain(5094, &other) && !certain(40_000, &other));
    }
}
