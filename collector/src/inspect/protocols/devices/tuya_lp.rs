//! Tuya's local protocol, in versions up to 3.4 and from 3.5 on. The vendor publishes no
//! description; the rule rests on the prefix of a frame, which either has its own of, and the
//! bounds of its command and length.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("TuyaLP"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    const LONGEST: u32 = 4096;
    let mut reader = speech.reader();
    let newer = match reader.u32("prefix")? {
        0x0000_55aa => false,
        0x0000_6699 => true,
        _ => return Err(Fault::Wrong("prefix")),
    };
    if newer {
        reader.u16("reserved bytes")?;
    }
    reader.u32("number")?;
    let command = reader.u32("command")?;
    Reader::require(command <= 0x100, "command")?;
    let length = reader.u32("length")?;
    Reader::require((8..=LONGEST).contains(&length), "length")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            6667,
            &[Opener(
                b"\0\0\x55\xaa\0\0\0\0\0\0\0\x13\0\0\0\x0c\0\0\0\0\xa1\xb2\xc3\xd4\0\0\xaa\x55",
            )],
            "TuyaLP",
        ),
        Talk::tcp(
            6668,
            &[Opener(
                b"\0\0\x66\x99\0\0\0\0\0\x01\0\0\0\x03\0\0\0\x2c\xa1\xb2\xc3\xd4\xe5\xf6",
            )],
            "TuyaLP",
        ),
    ];

    #[test]
    fn an_unknown_command_is_not_tuya_s() {
        let bytes = b"\0\0\x55\xaa\0\0\0\0\0\x13\0\0\0\0\0\x0c\0\0\0\0";
        assert!(probe(&Speech::datagram(6667, bytes)).is_err());
    }
}
