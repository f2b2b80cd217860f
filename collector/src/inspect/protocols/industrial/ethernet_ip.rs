//! EtherNet/IP (ODVA, The CIP Networks Library, volume 2, section 2-3): the encapsulation's
//! command, its length and options that are 0. Away from its ports a session has to be opened over
//! TCP, whose request is of one length; elsewhere all but the command may be 0.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("EthernetIP"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORTS: [u16; 2] = [44_818, 2222];
const REGISTER_SESSION: u16 = 0x65;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    let command = reader.u16_le("command")?;
    // Lists of services, identities and interfaces; sessions opened and closed; data; status
    // told and commands taken back.
    let known = matches!(command, 0x04 | 0x63..=0x66 | 0x6f | 0x70 | 0x72 | 0x73);
    Reader::require(known, "command")?;
    let length = usize::from(reader.u16_le("length")?);
    reader.u32("session")?;
    Reader::require(reader.u32_le("status")? <= 0x6a, "status")?;
    reader.u64("context")?;
    Reader::require(reader.u32("options")? == 0, "options")?;
    let stream = speech.transport == Transport::Tcp;
    Reader::require(stream || reader.rest().len() == length, "length")?;
    let opens = stream && (command, length) == (REGISTER_SESSION, 4);
    Ok(Finding::certain_if(opens || speech.on_ports(&PORTS)))
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
            44818,
            &[
                Opener(b"e\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0"),
                Responder(b"e\0\x04\0\x01\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0"),
            ],
            "EthernetIP",
        ),
        Talk::udp(
            44818,
            &[Opener(b"c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")],
            "EthernetIP",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn another_command_or_length_is_not_ethernet_ip() {
        let mut list = [0; 24];
        list[0] = 0x63;
        assert!(certain(44_818, &list) && !certain(40_000, &list));
        list[2] = 1;
        assert!(!certain(44_818, &list));
        assert!(!certain(44_818, &[0; 24]));
    }
}
