//! Kafka's requests (Apache Kafka protocol guide, "Request headers"): size, API key, API version,
//! correlation id, client id. A response is a size and the id, so it takes the request's.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Kafka"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 9092;
/// The largest API key and API version that are in use, with room for a few years of them.
const API_KEYS: u16 = 127;
const API_VERSIONS: u16 = 31;
/// Far above what clients send by default (`max.request.size`, one megabyte).
const LARGEST: u32 = 0xff_ffff;
const NO_CLIENT: u16 = 0xffff;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let size = reader.u32("size")?;
    Reader::require((8..=LARGEST).contains(&size), "size")?;
    let key = reader.u16("API key")?;
    let version = reader.u16("API version")?;
    Reader::require(key <= API_KEYS && version <= API_VERSIONS, "API")?;
    reader.u32("correlation id")?;
    let named = client(&mut reader)?;
    Reader::require(named != Some(0) || speech.on_port(PORT), "client id")?;
    let long = named.is_some_and(|length| length >= 4);
    // Ten bits of sizes, keys and versions each, and letters where other protocols have numbers.
    Ok(Finding::certain_if(speech.on_port(PORT) || long))
}

/// The length of the client's name, if it has one.
fn client(reader: &mut Reader<'_>) -> Result<Option<usize>, Fault> {
    let length = reader.u16("client id")?;
    if length == NO_CLIENT {
        return Ok(None);
    }
    Reader::require(length <= 249, "client id")?;
    let name = reader.take(usize::from(length), "client id")?;
    Reader::require(name.iter().all(u8::is_ascii_graphic), "client id")?;
    Ok(Some(name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A client asks for the versions that the broker knows.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        9092,
        &[
            Opener(b"\0\0\0\x15\0\x12\0\0\0\0\0\x01\0\x07rdkafka\0\0\0\0"),
            Responder(b"\0\0\0\x10\0\0\0\x01\0\0\0\0\0\x01\0\x12\0\0\0\x03"),
        ],
        "Kafka",
    )];

    fn judge(port: u16, bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(port, bytes, false))
    }

    #[test]
    fn a_client_without_a_name_is_certain_on_the_port_only() {
        let request = b"\0\0\0\x0a\0\x12\0\0\0\0\0\x01\xff\xff";
        assert!(!judge(9092, request).unwrap().likely);
        assert!(judge(40_000, request).unwrap().likely);
    }

    #[test]
    fn an_empty_name_counts_on_the_port_only() {
        let request = b"\0\0\0\x0a\0\x12\0\0\0\0\0\x01\0\0";
        assert!(!judge(9092, request).unwrap().likely);
        assert!(judge(6653, request).is_err());
    }

    #[test]
    fn a_name_of_other_than_text_is_not_kafka() {
        let other = judge(9092, b"\0\0\0\x15\0\x12\0\0\0\0\0\x01\0\x02\0\0").unwrap_err();
        assert_eq!(other, Fault::Wrong("client id"));
    }
}
