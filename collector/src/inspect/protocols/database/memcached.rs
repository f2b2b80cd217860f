//! Memcached (memcached, `doc/protocol.txt` and "Binary Protocol"): commands and answers of a line,
//! or a binary header; over UDP behind a header of eight bytes.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Memcached"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 11_211;
const LONGEST_LINE: usize = 512;
const REQUEST: u8 = 0x80;
const RESPONSE: u8 = 0x81;

fn probe(speech: &Speech<'_>) -> Verdict {
    let telling = match (speech.transport, speech.bytes.first()) {
        (Transport::Tcp, Some(&REQUEST | &RESPONSE)) => {
            return binary(&mut Reader::open(speech.bytes), speech.on_port(PORT));
        }
        (Transport::Tcp, _) => line(&mut Reader::open(speech.bytes))?,
        (Transport::Udp, _) => {
            let mut reader = Reader::whole(speech.bytes);
            frame(&mut reader)?;
            line(&mut reader)?
        }
    };
    Reader::require(telling || speech.on_port(PORT), "port")?;
    Ok(Finding::default())
}

/// Request id, number of the datagram and of all, two reserved bytes.
fn frame(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.u16("request id")?;
    let (number, total) = (reader.u16("number")?, reader.u16("total")?);
    Reader::require(number < total, "number")?;
    reader.magic(b"\0\0", "reserved bytes")
}

/// A command or an answer; says whether its words alone tell the protocol.
fn line(reader: &mut Reader<'_>) -> Result<bool, Fault> {
    let line = reader.line(LONGEST_LINE, "line")?;
    let mut words = line.split(|&byte| byte == b' ');
    let first = words.next().unwrap_or_default();
    // Behind the key: flags, expiry and size of a command, flags and size of an answer.
    let numbers = words.clone().skip(1).take(3).all(is_number);
    let telling = match (first, words.count()) {
        // Then perhaps a token, and that no answer is wanted.
        (b"set" | b"add" | b"replace" | b"append" | b"prepend" | b"cas", 4..=6) => numbers,
        (b"VALUE", 3 | 4) => numbers,
        (b"STAT", 2..) => line.starts_with(b"STAT pid ") || line.starts_with(b"STAT items:"),
        (b"STORED" | b"NOT_STORED" | b"NOT_FOUND" | b"TOUCHED", 0) => true,
        (b"get" | b"gets" | b"gat" | b"delete" | b"incr" | b"decr" | b"touch", 1..) => false,
        (b"stats" | b"flush_all" | b"verbosity" | b"mg" | b"ms" | b"md", _) => false,
        (b"version" | b"quit" | b"mn" | b"END" | b"ERROR" | b"OK" | b"DELETED" | b"RESET", 0) => {
            false
        }
        (b"VERSION" | b"CLIENT_ERROR" | b"SERVER_ERROR", 1..) => false,
        _ => return Err(Fault::Wrong("line")),
    };
    Ok(telling)
}

fn is_number(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(u8::is_ascii_digit)
}

/// A header of 24 bytes.
fn binary(reader: &mut Reader<'_>, on_port: bool) -> Verdict {
    let request = reader.u8("magic")? == REQUEST;
    Reader::require(reader.u8("opcode")? <= 0x48, "opcode")?;
    let key = u32::from(reader.u16("key length")?);
    let extras = u32::from(reader.u8("length of extras")?);
    reader.magic(b"\0", "data type")?;
    let status = reader.u16("virtual bucket or status")?;
    let body = reader.u32("body length")?;
    Reader::require(key <= 250 && extras <= 24, "lengths")?;
    Reader::require((key + extras..0x1000_0000).contains(&body), "body length")?;
    Reader::require(request || status <= 0xff, "status")?;
    reader.u32("opaque")?;
    let version = reader.u64("version")?;
    Ok(Finding::certain_if(
        on_port || request && version == 0 && key > 0,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// Statistics as text, a binary request for a key, and statistics over UDP.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            11_211,
            &[
                Opener(b"stats\r\n"),
                Responder(b"STAT pid 8337\r\nSTAT uptime 193\r\nEND\r\n"),
            ],
            "Memcached",
        ),
        Talk::tcp(
            11_211,
            &[Opener(
                b"\x80\0\0\x05\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\0\0\0\0\0Hello",
            )],
            "Memcached",
        ),
        Talk::udp(
            11_211,
            &[Opener(b"\0\0\0\0\0\x01\0\0stats\r\n")],
            "Memcached",
        ),
    ];

    fn judge(port: u16, bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(port, bytes, false))
    }

    #[test]
    fn words_that_others_use_count_on_the_port_only() {
        assert!(judge(11_211, b"get some_key\r\n").is_ok());
        assert!(judge(80, b"get some_key\r\n").is_err());
        assert!(judge(40_000, b"set some_key 0 0 10\r\n").is_ok());
        assert!(judge(40_000, b"VALUE some_key 0 10\r\n").is_ok());
        assert!(judge(40_000, b"set some key to this\r\n").is_err());
        assert!(judge(11_211, b"GET / HTTP/1.0\r\n").is_err());
    }

    #[test]
    fn a_body_shorter_than_its_key_is_not_memcached() {
        let judged = judge(11_211, b"\x80\0\0\x05\0\0\0\0\0\0\0\x04").unwrap_err();
        assert_eq!(judged, Fault::Wrong("body length"));
    }
}
