//! Armagetron Advanced: a datagram is filled with messages, each a descriptor, a number and its
//! length in words, and ends with its sender; on the ports that its servers take. There is no
//! specification; the rule rests on the layout that the game's public source (`nNetwork`) writes.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Armagetron"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORTS: std::ops::RangeInclusive<u16> = 4533..=4540;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_port_within(&PORTS), "port")?;
    let mut reader = Reader::whole(speech.bytes);
    Reader::require(speech.bytes.len() >= 8, "message")?;
    while reader.rest().len() > 2 {
        let descriptor = reader.u16("descriptor")?;
        Reader::require((1..400).contains(&descriptor), "descriptor")?;
        reader.u16("number")?;
        let words = usize::from(reader.u16("length")?);
        reader.take(2 * words, "message")?;
    }
    let sender = reader.u16("sender")?;
    Reader::require(sender <= 32, "sender")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        4534,
        &[
            Opener(b"\0\x06\0\x01\0\x02\0\x01\0\x02\0\0"),
            Responder(b"\0\x05\0\x02\0\0\0\x01\0\x03\0\x01\0\x01\0\0"),
        ],
        "Armagetron",
    )];

    #[test]
    fn messages_fill_the_datagram_and_stay_on_the_ports() {
        let message = b"\0\x06\0\x01\0\x02\0\x01\0\x02\0\0";
        assert!(probe(&Speech::datagram(40_000, message)).is_err());
        assert!(probe(&Speech::datagram(4534, &message[..11])).is_err());
    }
}
