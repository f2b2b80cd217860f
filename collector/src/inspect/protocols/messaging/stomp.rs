//! STOMP 1.0 to 1.2 (STOMP Protocol Specification, Version 1.2, "STOMP Frames" and "Connecting"),
//! by the first frame of either side: a command on a line of its own, and headers.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("STOMP"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const LONGEST_LINE: usize = 512;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let part = "command";
    match speech.bytes {
        [b'S', ..] => reader.magic(b"STOMP", part)?,
        [b'C', b'O', b'N', b'N', b'E', b'C', b'T', b'E', ..] => reader.magic(b"CONNECTED", part)?,
        _ => reader.magic(b"CONNECT", part)?,
    }
    let rest_of_line = reader.line(LONGEST_LINE, part)?;
    Reader::require(rest_of_line.is_empty(), part)?;
    header(&mut reader)?;
    Ok(Finding::default())
}

/// `name:value`; a frame of 1.0 may have none, so that its body and NUL follow.
fn header(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let line = reader.line(LONGEST_LINE, "header")?;
    if line.is_empty() {
        return reader.magic(b"\0", "end of frame");
    }
    let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
    Reader::require(!name.is_empty() && name.len() < line.len(), "header")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A client of 1.1, and one of 1.0.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            61_613,
            &[
                Opener(b"STOMP\naccept-version:1.1\nhost:example.org\n\n\0"),
                Responder(b"CONNECTED\nversion:1.1\nheart-beat:100,100\n\n\0"),
            ],
            "STOMP",
        ),
        Talk::tcp(
            61_613,
            &[Opener(b"CONNECT\r\nlogin:guest\r\n\r\n\0")],
            "STOMP",
        ),
    ];

    #[test]
    fn the_method_of_http_and_other_commands_are_not_stomp() {
        for bytes in [
            &b"CONNECT example.org:443 HTTP/1.1\r\n"[..],
            b"CONNECT\nno header\n",
            b"CONNECT {\"verbose\":false}\r\n",
            b"STOP\n",
        ] {
            assert!(matches!(
                probe(&Speech::stream(61_613, bytes, false)),
                Err(Fault::Wrong(_))
            ));
        }
    }
}
