//! VNC by the protocol version that each side names first (RFB, RFC 6143, section 7.1.1).

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("VNC"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"RFB ", "protocol version")?;
    digits(&mut reader)?;
    reader.magic(b".", "protocol version")?;
    digits(&mut reader)?;
    reader.magic(b"\n", "protocol version")?;
    Ok(Finding::default())
}

fn digits(reader: &mut Reader<'_>) -> Result<(), Fault> {
    for _ in 0..3 {
        let digit = reader.u8("version number")?;
        Reader::require(digit.is_ascii_digit(), "version number")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        5900,
        &[
            Responder(b"RFB 003.008\n"),
            Opener(b"RFB 003.008\n"),
            Responder(b"\x01\x02"),
        ],
        "VNC",
    )];

    #[test]
    fn the_version_has_three_digits_twice() {
        let judge = |bytes| probe(&Speech::stream(5900, bytes, false));
        assert!(judge(b"RFB 3.8\n").is_err_and(|f| matches!(f, Fault::Wrong(_))));
        assert!(judge(b"RFB 003.").is_err_and(|f| matches!(f, Fault::Short(_))));
    }
}
