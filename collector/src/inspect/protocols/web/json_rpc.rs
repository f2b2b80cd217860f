//! JSON-RPC 2.0 over a stream of its own, without HTTP: an object or a batch of them. Protocols that
//! build upon it may name the flow more precisely, so this is only likely.

use super::application::names_version;
use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("JSON-RPC"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// The version stands among an object's first members.
const ENOUGH: usize = 256;

fn probe(speech: &Speech<'_>) -> Verdict {
    let text = speech.bytes.trim_ascii_start();
    let beginning = text.get(..ENOUGH).unwrap_or(text);
    let sound = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    let opens = matches!(beginning.first(), None | Some(b'{' | b'['));
    Reader::require(opens && beginning.iter().all(sound), "object")?;
    if names_version(beginning) {
        return Ok(Finding::likely());
    }
    Reader::require(beginning.len() < ENOUGH, "version")?;
    Err(Fault::Short("version"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        4000,
        &[
            Opener(b"{\"jsonrpc\": \"2.0\", \"method\": \"subtract\", \"params\": [42, 23], \"id\": 1}"),
            Responder(b"{\"jsonrpc\": \"2.0\", \"result\": 19, \"id\": 1}"),
        ],
        "JSON-RPC",
    )];

    #[test]
    fn an_object_without_the_version_is_not_json_rpc() {
        let judge = |bytes| probe(&Speech::stream(4000, bytes, false));
        assert!(matches!(judge(b"{\"id\": 1}"), Err(Fault::Short(_))));
        assert!(matches!(judge(b"\"jsonrpc\""), Err(Fault::Wrong(_))));
        assert!(matches!(judge(&[b'{'; 300]), Err(Fault::Wrong(_))));
    }
}
