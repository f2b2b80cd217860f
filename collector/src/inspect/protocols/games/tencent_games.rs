//! Games of Tencent: the header of its gateway's protocol, with which its mobile games begin a
//! connection. The vendor publishes no description; the rule rests on the magic number, two
//! versions of which one bounds the other, and the commands in use.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("TencentGames"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    reader.magic(b"\x33\x66\0", "magic")?;
    let version = reader.u8("version")?;
    Reader::require((1..=0x20).contains(&version), "version")?;
    reader.magic(&[0], "version")?;
    let oldest = reader.u8("oldest version")?;
    Reader::require(oldest <= version.max(0x0b), "oldest version")?;
    let command = reader.u16("command")?;
    let known = (0x1001..=0x1004).contains(&command)
        || (0x2001..=0x2004).contains(&command)
        || matches!(command, 0x4013 | 0x5001 | 0x6002);
    Reader::require(known, "command")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        8085,
        &[Opener(
            b"\x33\x66\0\x0b\0\x0a\x10\x01\0\0\0\0\0\0\x4c\0\0\0\0",
        )],
        "TencentGames",
    )];

    #[test]
    fn an_unknown_command_is_not_tencent_s() {
        assert!(
            probe(&Speech::stream(
                8085,
                b"\x33\x66\0\x0b\0\x0a\xff\x01",
                false
            ))
            .is_err()
        );
    }
}
