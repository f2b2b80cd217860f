//! TP-Link's Smart Home Protocol: a command in JSON, each byte of which hides the next; over TCP
//! behind its length. The vendor publishes no description; the rule rests on how a command begins:
//! a brace, a quoted name and a colon.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("TPLINK_SHP"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// As much of a command as is looked at: an opening brace, a quoted name, a colon.
const ENOUGH: usize = 24;

fn probe(speech: &Speech<'_>) -> Verdict {
    const LONGEST: u32 = 1 << 16;
    let mut reader = speech.reader();
    if speech.transport == Transport::Tcp {
        let length = reader.u32("length")?;
        Reader::require((4..LONGEST).contains(&length), "length")?;
    }
    let mut key = 171;
    command(&mut reader, &mut key)?;
    Ok(Finding::default())
}

fn command(reader: &mut Reader<'_>, key: &mut u8) -> Result<(), Fault> {
    for expected in b"{\"" {
        Reader::require(plain(reader, key)? == *expected, "command")?;
    }
    for place in 0..ENOUGH {
        let byte = plain(reader, key)?;
        if byte == b'"' && place >= 3 {
            return Reader::require(plain(reader, key)? == b':', "command");
        }
        let name = byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        Reader::require(name, "name of command")?;
    }
    Err(Fault::Wrong("name of command"))
}

/// The next byte: what is sent is the key of what follows.
fn plain(reader: &mut Reader<'_>, key: &mut u8) -> Result<u8, Fault> {
    let hidden = reader.u8("command")?;
    let byte = hidden ^ *key;
    *key = hidden;
    Ok(byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            9999,
            &[Opener(
                b"\xd0\xf2\x81\xf8\x8b\xff\x9a\xf7\xd5\xef\x94\xb6\xd1\xb4\xc0\x9f\xec\x95\xe6\x8f\
                \xe1\x87\xe8\xca\xf0\x8b\xf6\x8b\xf6",
            )],
            "TPLINK_SHP",
        ),
        Talk::tcp(
            9999,
            &[Opener(
                b"\0\0\0\x1d\xd0\xf2\x81\xf8\x8b\xff\x9a\xf7\xd5\xef\x94\xb6\xd1\xb4\xc0\x9f\xec\x95\
                \xe6\x8f\xe1\x87\xe8\xca\xf0\x8b\xf6\x8b\xf6",
            )],
            "TPLINK_SHP",
        ),
    ];

    #[test]
    fn what_hides_no_json_is_not_of_tp_link() {
        assert!(probe(&Speech::datagram(9999, b"{\"system\":{}}")).is_err());
        assert!(probe(&Speech::datagram(9999, b"\xd0\xf2\x81\xf8\x8b")).is_err());
    }
}
