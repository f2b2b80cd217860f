//! The remote shell of BSD (rsh, and rexec with its like opening; RFC 1282 describes their sibling
//! rlogin): the client's port for errors, two names and a command, each up to a zero byte.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("RSH"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// exec and shell.
const PORTS: &[u16] = &[512, 514];
const LONGEST_NAME: usize = 64;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(PORTS.contains(&speech.port), "RSH port")?;
    let mut reader = Reader::open(speech.bytes);
    let port = reader.string(5, "port")?;
    let digits = !port.is_empty() && port.iter().all(u8::is_ascii_digit);
    Reader::require(digits, "port")?;
    for part in ["local user", "remote user"] {
        let name = reader.string(LONGEST_NAME, part)?;
        Reader::require(!name.is_empty(), part)?;
    }
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{
        reader::Fault,
        tests::{
            Talk,
            Turn::{Opener, Responder},
        },
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        514,
        &[
            Opener(b"1022\0"),
            Opener(b"alice\0root\0mkdir testdir\0"),
            Responder(b"\x01Password incorrect.\n"),
        ],
        "RSH",
    )];

    #[test]
    fn system_log_lines_on_the_same_port_are_not_a_shell() {
        let judge = |bytes| probe(&Speech::stream(514, bytes, false));
        assert!(judge(b"<34>1 2003-10-11T22:14:15Z").is_err_and(|f| f == Fault::Wrong("port")));
        assert!(judge(b"1022\0\0root\0").is_err_and(|f| f == Fault::Wrong("local user")));
        assert!(judge(b"102200\0").is_err_and(|f| f == Fault::Wrong("port")));
    }
}
