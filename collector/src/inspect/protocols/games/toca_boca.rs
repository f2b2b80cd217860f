//! Toca Boca's games, by the transport that they are played over: Photon Realtime, whose datagrams
//! are filled with commands (Exit Games' description of its protocol and ports).

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("TocaBoca"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Name server, master and game server.
const PORTS: &[u16] = &[5055, 5056, 5058];

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_ports(PORTS), "port")?;
    let mut reader = Reader::whole(speech.bytes);
    // A ping of the server by its round trip: a number behind twelve fixed bytes.
    if let [ping @ .., _] = speech.bytes
        && ping == [0x7d; 12]
    {
        return Ok(Finding::default());
    }
    reader.u16("peer")?;
    let flags = reader.u8("flags")?;
    Reader::require(matches!(flags, 0 | 0xcc), "flags")?;
    let count = reader.u8("count of commands")?;
    Reader::require(count > 0, "count of commands")?;
    reader.u32("time")?;
    reader.u32("challenge")?;
    if flags != 0 {
        reader.u32("check")?;
    }
    for _ in 0..count {
        command(&mut reader)?;
    }
    reader.end("commands")?;
    Ok(Finding::default())
}

fn command(reader: &mut Reader<'_>) -> Result<(), Fault> {
    const HEADER: usize = 12;
    let kind = reader.u8("command")?;
    Reader::require((1..=15).contains(&kind), "command")?;
    reader.u8("channel")?;
    let flags = reader.u8("flags")?;
    Reader::require(flags <= 7, "flags")?;
    reader.u8("reserved byte")?;
    let length = usize::try_from(reader.u32("length")?).unwrap_or(usize::MAX);
    reader.u32("number")?;
    let rest = length.checked_sub(HEADER).ok_or(Fault::Wrong("length"))?;
    reader.take(rest, "command").map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        5055,
        &[
            Opener(
                b"\xff\xff\0\x01\0\0\0\x04\x22\xb6\xe6\xba\x02\xff\x01\x04\0\0\0\x2c\0\0\0\x01\
                \0\0\x04\xb0\0\0\x80\0\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\x13\x88\0\0\0\x02\0\0\0\x02",
            ),
            Responder(
                b"\0\0\0\x01\xaf\xdc\x55\x9a\x2c\x55\xae\x19\x01\0\0\0\0\0\0\x14\0\0\0\0\
                \0\0\0\x04\0\0\x01\x34",
            ),
        ],
        "TocaBoca",
    )];

    #[test]
    fn commands_fill_the_datagram() {
        let ping = b"\0\0\0\x01\xaf\xdc\x55\x9a\x2c\x55\xae\x19\x05\0\0\0\0\0\0\x0c\0\0\0\x01";
        assert!(probe(&Speech::datagram(5055, ping)).is_ok());
        assert!(probe(&Speech::datagram(40_000, ping)).is_err());
        assert!(probe(&Speech::datagram(5055, b"}}}}}}}}}}}}\x12")).is_ok());
        assert!(probe(&Speech::datagram(5055, b"}}}}}}}}}}}\x12")).is_err());
        assert!(probe(&Speech::datagram(5055, &ping[..23])).is_err());
        assert!(probe(&Speech::datagram(5055, &[ping, &b"\0"[..]].concat())).is_err());
    }
}
