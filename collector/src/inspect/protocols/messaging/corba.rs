//! CORBA's remote calls (CORBA 3.3, part 2, section 9.4: GIOP), and their multicast over UDP
//! (section 11.3: MIOP).

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Corba"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    match (speech.transport, speech.bytes.first()) {
        (Transport::Udp, Some(b'M')) => {
            reader.magic(b"MIOP\x10", "MIOP version")?;
            Reader::require(reader.u8("flags")? <= 3, "flags")?;
        }
        _ => {
            reader.magic(b"GIOP\x01", "GIOP version")?;
            Reader::require(reader.u8("minor version")? <= 4, "minor version")?;
            Reader::require(reader.u8("flags")? <= 7, "flags")?;
            Reader::require(reader.u8("message type")? <= 7, "message type")?;
        }
    }
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{
        reader::Fault,
        tests::{
            Talk,
            Turn::{Opener, Responder},
        },
    };

    /// A request and its reply; a packet of a multicast group.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            2809,
            &[
                Opener(b"GIOP\x01\x02\0\0\0\0\0\x14\0\0\0\0\x03\0\0\0\0\0\0\0"),
                Responder(b"GIOP\x01\x02\x01\x01\x04\0\0\0\0\0\0\0"),
            ],
            "Corba",
        ),
        Talk::udp(
            15_984,
            &[Opener(
                b"MIOP\x10\x03\xe4\0\0\0\0\0\x01\0\0\0\x0c\0\0\0\0\0\0\0\0\0\0\0GIOP\x01\x02",
            )],
            "Corba",
        ),
    ];

    #[test]
    fn a_message_of_no_known_type_is_not_corba() {
        let judged = probe(&Speech::stream(2809, b"GIOP\x01\x02\0\x08", false));
        assert_eq!(judged.unwrap_err(), Fault::Wrong("message type"));
    }
}
