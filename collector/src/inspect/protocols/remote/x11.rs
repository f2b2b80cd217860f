//! X11 by the client's connection setup (X Window System Protocol, version 11, section 8).

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("X11"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Displays :0 to :63.
const PORTS: std::ops::RangeInclusive<u16> = 6000..=6063;

fn probe(speech: &Speech<'_>) -> Verdict {
    let most_significant_first = match Reader::open(speech.bytes).u8("byte order")? {
        b'B' => true,
        b'l' => false,
        _ => return Err(Fault::Wrong("byte order")),
    };
    setup(speech, most_significant_first)
}

fn setup(speech: &Speech<'_>, most_significant_first: bool) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.u16("byte order")?;
    let mut number = |part: &'static str| -> Result<u16, Fault> {
        let read = reader.u16(part)?;
        Ok(if most_significant_first {
            read
        } else {
            read.swap_bytes()
        })
    };
    Reader::require(number("major version")? == 11, "major version")?;
    Reader::require(number("minor version")? == 0, "minor version")?;
    let name = usize::from(number("authorization name length")?);
    let data = usize::from(number("authorization data length")?);
    Reader::require(name <= 64 && data <= 256, "authorization length")?;
    reader.u16("unused")?;
    let name = reader.take(name, "authorization name")?;
    let known = matches!(name, b"MIT-MAGIC-COOKIE-1" | b"XDM-AUTHORIZATION-1");
    let bare = name.is_empty() && data == 0 && PORTS.contains(&speech.port);
    Reader::require(known || bare, "authorization name")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        6000,
        &[
            Opener(b"l\0\x0b\0\0\0\x12\0\x10\0\0\0MIT-MAGIC-COOKIE-1\0\0abcdefghijklmnop"),
            Responder(b"\x01\0\x0b\0\0\0\xe5\x00"),
        ],
        "X11",
    )];

    #[test]
    fn a_setup_without_authorization_is_x11_on_its_ports_only() {
        let bare = b"B\0\0\x0b\0\0\0\0\0\0\0\0";
        assert!(probe(&Speech::stream(6010, bare, false)).is_ok());
        assert!(probe(&Speech::stream(4000, bare, false)).is_err());
    }
}
