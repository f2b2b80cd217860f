//! Telnet by the options that either side negotiates before it says anything else (RFC 854; the
//! options are IANA's). A session without options says plain text, and only its port tells.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Telnet"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const IAC: u8 = 255;
const SUBNEGOTIATION: u8 = 250;
/// The last of IANA's options in a row, and those that games use.
const OPTIONS: std::ops::RangeInclusive<u8> = 0..=49;
const OPTIONS_OF_GAMES: &[u8] = &[69, 70, 85, 86, 90, 91, 93, 138, 139, 140, 200, 201, 255];

/// Two in a row prove it; one does on the port or when the other side negotiates too.
fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    negotiation(&mut reader)?;
    if speech.on_port(23) || negotiation(&mut reader).is_ok() {
        return Ok(Finding::default());
    }
    match negotiation(&mut Reader::open(speech.other.bytes)) {
        Ok(()) => Ok(Finding::default()),
        Err(_) => Err(Fault::Short("second negotiation")),
    }
}

/// WILL, WON'T, DO or DON'T, or the parameters of an option.
fn negotiation(reader: &mut Reader<'_>) -> Result<(), Fault> {
    Reader::require(reader.u8("IAC")? == IAC, "IAC")?;
    let command = reader.u8("command")?;
    Reader::require((SUBNEGOTIATION..=254).contains(&command), "command")?;
    let option = reader.u8("option")?;
    let known = OPTIONS.contains(&option) || OPTIONS_OF_GAMES.contains(&option);
    Reader::require(known, "option")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        23,
        &[
            Responder(b"\xff\xfd\x18\xff\xfd\x20\xff\xfd\x23\xff\xfd\x27"),
            Opener(b"\xff\xfb\x18\xff\xfc\x20\xff\xfc\x23\xff\xfb\x27"),
        ],
        "Telnet",
    )];

    fn judge(port: u16, bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(port, bytes, false))
    }

    #[test]
    fn two_options_are_telnet_on_any_port_and_one_is_on_its_own() {
        assert!(judge(4000, b"\xff\xfd\x18\xff\xfa\x20").is_ok());
        assert!(judge(23, b"\xff\xfb\x01login: ").is_ok());
        assert!(
            judge(4000, b"\xff\xfb\x01login: ")
                .is_err_and(|f| f == Fault::Short("second negotiation"))
        );
    }

    #[test]
    fn other_bytes_behind_ff_are_not_telnet() {
        for bytes in [&b"\xff\xd8\xff\xe0"[..], b"\xff\xfb\x7f", b"\xffSMB"] {
            assert!(judge(23, bytes).is_err_and(|fault| matches!(fault, Fault::Wrong(_))));
        }
    }
}
