//! Apache Thrift's calls (Thrift specification, "Thrift Binary protocol encoding" and "Thrift
//! Compact protocol encoding"), bare and in the frames of its framed transport.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Thrift"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Thrift's own, and those of Jaeger's agent.
const PORTS: [u16; 3] = [9090, 6831, 6832];
const COMPACT: u8 = 0x82;
const STRICT_BINARY: u8 = 0x80;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    if speech.transport == Transport::Tcp && speech.bytes.first() == Some(&0) {
        let frame = reader.u32("frame size")?;
        Reader::require((8..0x100_0000).contains(&frame), "frame size")?;
    }
    match reader.u8("protocol")? {
        STRICT_BINARY => binary(&mut reader)?,
        COMPACT => {
            let letters = compact(&mut reader)?;
            return Ok(Finding::certain_if(
                letters >= 8 || speech.on_ports(&PORTS) && letters >= 3,
            ));
        }
        _ => return Err(Fault::Wrong("protocol")),
    }
    Ok(Finding::default())
}

/// Version, type and name; the sequence number that follows may be any.
fn binary(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.magic(b"\x01\0", "version")?;
    // Call, reply, exception, one-way.
    let kind = reader.u8("type")?;
    Reader::require(matches!(kind, 1..=4), "type")?;
    let length = reader.u32("name")?;
    Reader::require((1..=128).contains(&length), "name")?;
    let length = usize::try_from(length).map_err(|_| Fault::Wrong("name"))?;
    name(reader, length)
}

/// Type and version share a byte; numbers have seven bits a byte. Gives the length of the name.
fn compact(reader: &mut Reader<'_>) -> Result<usize, Fault> {
    let kind = reader.u8("type and version")?;
    let known = kind & 0x1f == 1 && matches!(kind >> 5, 1..=4);
    Reader::require(known, "type and version")?;
    for _ in 0..5 {
        if reader.u8("sequence number")? & 0x80 == 0 {
            break;
        }
    }
    let length = usize::from(reader.u8("name")?);
    Reader::require((1..=128).contains(&length), "name")?;
    name(reader, length)?;
    Ok(length)
}

/// A method's name; a multiplexed one has its service's before it.
fn name(reader: &mut Reader<'_>, length: usize) -> Result<(), Fault> {
    let name = reader.take(length, "name")?;
    let fits = |&b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'$');
    Reader::require(name.iter().all(fits), "name")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A call in the binary protocol with its reply, a framed one, and a one-way call in the compact one.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            11_010,
            &[
                Opener(b"\x80\x01\0\x01\0\0\0\x04ping\0\0\0\0\0"),
                Responder(b"\x80\x01\0\x02\0\0\0\x04ping\0\0\0\0\0"),
            ],
            "Thrift",
        ),
        Talk::tcp(
            9090,
            &[Opener(b"\0\0\0\x11\x80\x01\0\x01\0\0\0\x04ping\0\0\0\0\0")],
            "Thrift",
        ),
        Talk::udp(
            6831,
            &[Opener(
                b"\x82\x81\x01\x09emitBatch\x1c\x1c\x18\x04test\0\0\0",
            )],
            "Thrift",
        ),
    ];

    fn judge(port: u16, bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(port, bytes, false))
    }

    #[test]
    fn a_short_compact_name_is_likely_away_from_the_ports() {
        assert!(judge(40_000, b"\x82\x21\x01\x04ping\0").unwrap().likely);
        assert!(!judge(9090, b"\x82\x21\x01\x04ping\0").unwrap().likely);
        assert!(!judge(40_000, b"\x82\x81\x01\x09emitBatch").unwrap().likely);
    }

    #[test]
    fn an_unknown_type_and_a_name_with_blanks_are_not_thrift() {
        assert!(judge(9090, b"\x80\x01\0\x05\0\0\0\x04ping").is_err());
        assert!(judge(9090, b"\x80\x01\0\x01\0\0\0\x04p ng").is_err());
        assert!(judge(9090, b"\x82\x22\x01\x04ping").is_err());
    }
}
