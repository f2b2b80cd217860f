//! Bitcoin and the currencies that took over its messages (Bitcoin developer reference, "P2P
//! Network"): a network's magic number, the command padded with zeros, length and checksum. Each
//! currency has a magic number of its own, so the command is what is known.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("BITCOIN"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// What a connection begins with, and what one that was taken up later may go on with.
const COMMANDS: [&[u8]; 28] = [
    b"version",
    b"verack",
    b"wtxidrelay",
    b"sendaddrv2",
    b"sendheaders",
    b"sendcmpct",
    b"feefilter",
    b"ping",
    b"pong",
    b"addr",
    b"getaddr",
    b"inv",
    b"getdata",
    b"getheaders",
    b"headers",
    b"getblocks",
    b"block",
    b"tx",
    b"alert",
    b"reject",
    b"notfound",
    b"mempool",
    b"merkleblock",
    b"cmpctblock",
    b"getblocktxn",
    b"blocktxn",
    b"addrv2",
    b"filterload",
];
/// A block's, with room for currencies of larger ones.
const LONGEST: u32 = 0x0200_0000;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.take(4, "magic number")?;
    let command = reader.take(12, "command")?;
    let end = command.iter().position(|&byte| byte == 0);
    let (name, padding) = command.split_at(end.unwrap_or(command.len()));
    let padded = padding.iter().all(|&byte| byte == 0);
    Reader::require(padded && COMMANDS.contains(&name), "command")?;
    Reader::require(reader.u32_le("length")? <= LONGEST, "length")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            8333,
            &[
                Opener(
                    b"\xf9\xbe\xb4\xd9version\0\0\0\0\0\x66\0\0\0\x5f\x1a\x69\xd2\x80\x11\x01\0",
                ),
                Responder(b"\xf9\xbe\xb4\xd9verack\0\0\0\0\0\0\0\0\0\0\x5d\xf6\xe0\xe2"),
            ],
            "BITCOIN",
        ),
        Talk::tcp(
            22_556,
            &[Opener(
                b"\xc0\xc0\xc0\xc0version\0\0\0\0\0\x66\0\0\0\x5f\x1a\x69\xd2\x80\x11\x01\0",
            )],
            "BITCOIN",
        ),
    ];

    #[test]
    fn a_command_is_known_and_padded_with_zeros() {
        let judged = |bytes| probe(&Speech::stream(8333, bytes, false)).is_ok();
        assert!(!judged(b"\xf9\xbe\xb4\xd9version\0\0\0\0x\x66\0\0\0"));
        assert!(!judged(b"\xf9\xbe\xb4\xd9versions\0\0\0\0\x66\0\0\0"));
        assert!(!judged(b"\xf9\xbe\xb4\xd9version\0\0\0\0\0\x66\0\0\x7f"));
        assert!(!judged(b"\xf9\xbe\xb4\xd9\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
    }
}
