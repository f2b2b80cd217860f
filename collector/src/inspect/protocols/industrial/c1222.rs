//! ANSI C12.22 of meters (section 5.3): an ACSE message whose last element holds the application's
//! data as an EXTERNAL in octets. Away from its port it has to call someone, by title and number.

use crate::inspect::{
    Label,
    protocols::ber,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("ANSI_C1222"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 1153;
const MESSAGE: u32 = 0x60;
const CALLED_TITLE: u32 = 0xa2;
const CALLING_NUMBER: u32 = 0xa8;
const DATA: u32 = 0xbe;
const EXTERNAL: u32 = 0x28;
/// More elements than the standard knows.
const MOST: usize = 16;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    let mut message = ber::tagged(&mut reader, MESSAGE, "message")?;
    let (mut called, mut numbered) = (false, false);
    for _ in 0..MOST {
        let (identifier, mut content) = ber::element(&mut message, "element")?;
        match identifier {
            CALLED_TITLE => called = true,
            CALLING_NUMBER => numbered = true,
            DATA => {
                let mut external = ber::tagged(&mut content, EXTERNAL, "data")?;
                ber::tagged(&mut external, 0x81, "octets")?;
                let known = speech.on_port(PORT) || (called && numbered);
                Reader::require(known, "port")?;
                return Ok(Finding::default());
            }
            0x80..=0x8f | 0xa0..=0xaf => {}
            _ => break,
        }
    }
    Err(Fault::Wrong("element"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            1153,
            &[Opener(
                b"`0\xa2\x0f\x06\r`|\x86\xf7T\x01\x16\0\x01\x01@\xce\x11\xa6\x0e\x06\
                    \x0c`|\x86\xf7T\x01\x16\0\x01\x01@!\xa8\x04\x02\x02\x0f\x89\xbe\x07(\
                    \x05\x81\x03\x80\x01 ",
            )],
            "ANSI_C1222",
        ),
        Talk::tcp(
            1153,
            &[Opener(
                b"`0\xa2\x0f\x06\r`|\x86\xf7T\x01\x16\0\x01\x01@\xce\x11\xa6\x0e\x06\
                    \x0c`|\x86\xf7T\x01\x16\0\x01\x01@!\xa8\x04\x02\x02\x0f\x89\xbe\x07(\
                    \x05\x81\x03\x80\x01 ",
            )],
            "ANSI_C1222",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn away_from_its_port_it_calls_by_title_and_number() {
        assert!(certain(1153, b"\x60\x07\xbe\x05\x28\x03\x81\x01\x20"));
        assert!(!certain(1154, b"\x60\x07\xbe\x05\x28\x03\x81\x01\x20"));
        assert!(!certain(1153, b"\x60\x07\xbe\x05\x04\x03\x81\x01\x20"));
        let Opener(call) = TALKS[0].turns[0] else {
            panic!()
        };
        assert!(certain(40_000, call));
    }
}
