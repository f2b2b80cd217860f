//! MySQL and MariaDB (MySQL Internals, "Connection Phase Packets"): the server's greeting, and the
//! client's answer or its request for TLS. Integers begin with the least significant byte.

use crate::inspect::{
    Label,
    protocols::text,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("MySQL"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 3306;
const ERROR: u8 = 0xff;
/// `CLIENT_PROTOCOL_41`.
const PROTOCOL_41: u32 = 0x0200;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let length = reader.u24_le("length")?;
    Reader::require((10..0x1_0000).contains(&length), "length")?;
    let length = usize::try_from(length).map_err(|_| Fault::Wrong("length"))?;
    let sequence = reader.u8("sequence number")?;
    let mut packet = reader.part(length, "packet")?;
    match sequence {
        0 => greeting(&mut packet, speech.on_port(PORT)),
        1 => answer(&mut packet).map(|()| Finding::default()),
        _ => Err(Fault::Wrong("sequence number")),
    }
}

fn greeting(packet: &mut Reader<'_>, on_port: bool) -> Verdict {
    match packet.u8("protocol version")? {
        ERROR => {
            // Of the server's own codes; it has no state yet that it could name.
            let code = packet.u16_le("error code")?;
            Reader::require((1000..=4999).contains(&code), "error code")?;
            let message = packet.take(8, "error message")?;
            Reader::require(text::printable(message), "error message")?;
            return Ok(Finding::certain_if(on_port));
        }
        9 | 10 => {}
        _ => return Err(Fault::Wrong("protocol version")),
    }
    server_version(packet)?;
    packet.take(4 + 8, "connection id and challenge")?;
    packet.magic(b"\0", "filler")?;
    Ok(Finding::default())
}

/// Text that begins with a digit and ends with NUL.
fn server_version(packet: &mut Reader<'_>) -> Result<(), Fault> {
    let part = "server version";
    Reader::require(packet.u8(part)?.is_ascii_digit(), part)?;
    Reader::require(packet.string(99, part)?.len() >= 3, part)
}

/// Capabilities, largest packet, character set and reserved bytes, of which MariaDB uses the last.
fn answer(packet: &mut Reader<'_>) -> Result<(), Fault> {
    let capabilities = packet.u32_le("capabilities")?;
    Reader::require(capabilities & PROTOCOL_41 != 0, "capabilities")?;
    packet.take(4 + 1, "largest packet and character set")?;
    packet.magic(&[0; 19], "reserved bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A greeting and a request for TLS; a refusal.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            3306,
            &[
                Responder(
                    b"\x4a\0\0\0\x0a8.0.34\0\x08\0\0\0\x11\x22\x33\x44\x55\x66\x77\x08\0\xff\xff\xff\x02\0\xff\xdf\x15\
                    \0\0\0\0\0\0\0\0\0\0\x11\x22\x33\x44\x55\x66\x77\x08\x11\x22\x33\x44\0caching_sha2_password\0",
                ),
                Opener(
                    b"\x20\0\0\x01\x05\xae\x0f\0\0\0\0\x01\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
                ),
            ],
            "MySQL",
        ),
        Talk::tcp(
            3306,
            &[Responder(b"\x45\0\0\0\xff\x6a\x04Host '192.0.2.1' is not allowed to connect")],
            "MySQL",
        ),
    ];

    fn judge(port: u16, bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(port, bytes, false))
    }

    #[test]
    fn a_refusal_is_certain_on_the_port_only() {
        let refusal = b"\x45\0\0\0\xff\x6a\x04Host '192";
        assert!(!judge(3306, refusal).unwrap().likely);
        assert!(judge(40_000, refusal).unwrap().likely);
    }

    #[test]
    fn a_version_that_is_not_text_or_an_answer_with_other_bytes_in_reserve_is_not_mysql() {
        let version = judge(3306, b"\x4a\0\0\0\x0aversion\0").unwrap_err();
        assert_eq!(version, Fault::Wrong("server version"));
        let reserve = judge(3306, b"\x20\0\0\x01\x05\xae\x0f\0\0\0\0\x01\x2d\0\0\x01").unwrap_err();
        assert_eq!(reserve, Fault::Wrong("reserved bytes"));
    }
}
