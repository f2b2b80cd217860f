//! RMCP with ASF and IPMI in it (DSP0136, section 3.2.2; IPMI 2.0, section 13.1.3).

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("RMCP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Plain and secured.
const PORTS: &[u16] = &[623, 664];
const VERSION: u8 = 6;
const ACKNOWLEDGEMENT: u8 = 0x80;
const ASF: u8 = 6;
const IPMI: u8 = 7;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    reader.magic(&[VERSION, 0], "version")?;
    reader.u8("sequence number")?;
    let class = reader.u8("class")?;
    // The number of ASF is proof enough, the other classes are not.
    Reader::require(class == ASF || speech.on_ports(PORTS), "RMCP port")?;
    match class & !ACKNOWLEDGEMENT {
        ASF | IPMI if class & ACKNOWLEDGEMENT != 0 => reader.end("acknowledgement")?,
        // The enterprise number of ASF.
        ASF => reader.magic(b"\0\0\x11\xbe", "enterprise number")?,
        IPMI => {
            let kind = reader.u8("authentication type")?;
            Reader::require(matches!(kind, 0..=2 | 4..=6), "authentication type")?;
        }
        _ => return Err(Fault::Wrong("class")),
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

    /// A presence ping and its answer; a request for the authentication capabilities.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            623,
            &[
                Opener(b"\x06\0\xff\x06\0\0\x11\xbe\x80\0\0\0"),
                Responder(b"\x06\0\xff\x06\0\0\x11\xbe\x40\0\0\x10\0\0\x11\xbe\0\0\0\0\x81\0\0\0"),
            ],
            "RMCP",
        ),
        Talk::udp(
            623,
            &[Opener(
                b"\x06\0\xff\x07\0\0\0\0\0\0\0\0\0\x09\x20\x18\xc8\x81\0\x38\x8e\x04\xb5",
            )],
            "RMCP",
        ),
    ];

    #[test]
    fn another_class_or_port_is_not_rmcp() {
        assert!(probe(&Speech::datagram(623, b"\x06\0\xff\x05\0\0\x11\xbe")).is_err());
        assert!(probe(&Speech::datagram(4000, b"\x06\0\xff\x07\0\0\0\0")).is_err());
    }
}
