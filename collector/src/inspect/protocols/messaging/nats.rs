//! NATS (NATS client protocol, "INFO" and "CONNECT"): the server begins with a description of
//! itself in JSON, the client answers with one.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Nats"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 4222;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let named = match speech.bytes.first() {
        Some(b'I' | b'i') => {
            reader.literal(b"INFO", "INFO")?;
            beginning(&mut reader)?;
            let field = b"server_id\"";
            if reader.rest().len() < field.len() && field.starts_with(reader.rest()) {
                return Err(Fault::Short("server id"));
            }
            reader.rest().starts_with(field)
        }
        _ => {
            reader.literal(b"CONNECT", "CONNECT")?;
            beginning(&mut reader)?;
            true
        }
    };
    Ok(Finding::certain_if(named || speech.on_port(PORT)))
}

/// Blanks, and what JSON's objects begin with.
fn beginning(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let part = "JSON";
    let blank = reader.u8(part)?;
    Reader::require(matches!(blank, b' ' | b'\t'), part)?;
    let rest = reader.rest();
    let blanks = rest
        .iter()
        .take_while(|b| matches!(b, b' ' | b'\t'))
        .count();
    reader.take(blanks.min(8), part)?;
    reader.magic(b"{\"", part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A server describes itself, and so does the client.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        4222,
        &[
            Responder(b"INFO {\"server_id\":\"NDX4\",\"version\":\"2.10.4\",\"port\":4222} \r\n"),
            Opener(b"CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"go\"}\r\nPING\r\n"),
        ],
        "Nats",
    )];

    #[test]
    fn a_description_that_begins_otherwise_is_certain_on_the_port_only() {
        let judge = |port| probe(&Speech::stream(port, b"INFO {\"version\":\"2\"", false));
        assert!(!judge(4222).unwrap().likely);
        assert!(judge(40_000).unwrap().likely);
    }

    #[test]
    fn the_method_of_http_is_not_nats() {
        let http = b"CONNECT example.org:443 HTTP/1.1\r\n";
        assert!(probe(&Speech::stream(4222, http, false)).is_err());
    }
}
