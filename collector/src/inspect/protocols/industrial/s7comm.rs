//! Siemens' S7 protocols, in the first data of a transport connection. The vendor publishes no
//! description; the rules rest on the first bytes: S7comm begins with 0x32 and one of four kinds of
//! message, its successor with 0x72 and a version.

use crate::inspect::{
    Label,
    protocols::tpkt,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("S7Comm"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut data = tpkt::data(&mut speech.reader())?;
    match data.u8("protocol")? {
        0x32 => {
            let kind = data.u8("message type")?;
            Reader::require(matches!(kind, 1..=3 | 7), "message type")?;
            Reader::require(data.u16("reserved")? == 0, "reserved")?;
            Ok(Finding::default())
        }
        0x72 => {
            let version = data.u8("version")?;
            Reader::require(matches!(version, 1..=3 | 0xfe), "version")?;
            Ok(Finding::of(Label::of("S7CommPlus")))
        }
        _ => Err(Fault::Wrong("protocol")),
    }
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
            102,
            &[
                Opener(
                    b"\x03\0\0\x16\x11\xe0\0\0\0\x01\0\xc1\x02\x01\0\xc2\x02\x01\x02\xc0\
                    \x01\n",
                ),
                Responder(
                    b"\x03\0\0\x16\x11\xd0\0\x01\0\x01\0\xc1\x02\x01\0\xc2\x02\x01\x02\xc0\
                    \x01\n",
                ),
                Opener(
                    b"\x03\0\0\x19\x02\xf0\x802\x01\0\0\0\0\0\x08\0\0\xf0\0\0\x01\0\x01\
                    \x01\xe0",
                ),
            ],
            "S7Comm",
        ),
        Talk::tcp(
            102,
            &[
                Opener(
                    b"\x03\0\0\x16\x11\xe0\0\0\0\x01\0\xc1\x02\x01\0\xc2\x02\x01\x02\xc0\
                    \x01\n",
                ),
                Responder(
                    b"\x03\0\0\x16\x11\xd0\0\x01\0\x01\0\xc1\x02\x01\0\xc2\x02\x01\x02\xc0\
                    \x01\n",
                ),
                Opener(b"\x03\0\0\x13\x02\xf0\x80r\x01\0\x041\0\0\x04\xcar\x01\0\0"),
            ],
            "S7CommPlus",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::stream(port, bytes, false)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn other_data_in_a_transport_connection_are_not_s7() {
        assert!(certain(40_000, b"\x03\0\0\x11\x02\xf0\x80\x32\x01\0\0\0\0"));
        assert!(!certain(102, b"\x03\0\0\x11\x02\xf0\x80\x32\x04\0\0\0\0"));
        assert!(!certain(102, b"\x03\0\0\x11\x02\xf0\x80\x33\x01\0\0\0\0"));
    }
}
