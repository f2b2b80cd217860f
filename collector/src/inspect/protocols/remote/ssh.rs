//! SSH by its identification string (RFC 4253, section 4.2). A server may send other lines before
//! its own; the client may not, so such a flow is named by the client's.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("SSH"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// With CR and LF.
const LONGEST_LINE: usize = 255;

fn probe(speech: &Speech<'_>) -> Verdict {
    identification(speech.bytes)?;
    Ok(Finding::default())
}

fn identification(bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::open(bytes);
    reader.literal(b"SSH-", "identification string")?;
    let line = reader.line(LONGEST_LINE, "identification string")?;
    let mut fields = line.splitn(2, |&byte| byte == b'-');
    let (protocol, software) = (fields.next(), fields.next());
    let known = matches!(protocol, Some(b"2.0" | b"1.99" | b"1.5" | b"1.3"));
    Reader::require(known, "protocol version")?;
    let named = software.is_some_and(|name| name.first().is_some_and(u8::is_ascii_graphic));
    Reader::require(named, "software version")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        22,
        &[
            Opener(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n\0\0\x05\xdc\x07\x14"),
            Responder(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n\0\0\x04\x3c\x0a\x14"),
        ],
        "SSH",
    )];

    #[test]
    fn an_identification_string_is_ssh() {
        assert_eq!(
            identification(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
            Ok(())
        );
        assert_eq!(identification(b"SSH-1.99-Cisco-1.25\n"), Ok(()));
    }

    #[test]
    fn a_string_cut_short_is_not_yet_ssh() {
        for cut in 0..b"SSH-2.0-dropbear\r".len() {
            let bytes = &b"SSH-2.0-dropbear\r"[..cut];
            assert!(
                matches!(identification(bytes), Err(Fault::Short(_))),
                "{cut}"
            );
        }
    }

    #[test]
    fn other_text_that_begins_alike_is_not_ssh() {
        for bytes in [
            &b"SSH-9-x\r\n"[..],
            b"SSH-2.0-\r\n",
            b"SSHX",
            b"SSH-2.0-\0\0\r\n",
        ] {
            assert!(matches!(identification(bytes), Err(Fault::Wrong(_))));
        }
    }
}
