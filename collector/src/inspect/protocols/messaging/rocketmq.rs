//! RocketMQ's remoting (Apache RocketMQ, "Communication protocol"): length, kind and length of the
//! header, and the header as JSON, which begins with the request's code.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("RocketMQ"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const JSON: u8 = 0;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let length = reader.u32("length")?;
    reader.magic(&[JSON], "kind of header")?;
    let header = reader.u24("header length")?;
    let fits = header >= 8 && length.checked_sub(4).is_some_and(|room| header <= room);
    Reader::require(fits, "header length")?;
    reader.magic(b"{\"code\":", "header")?;
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

    /// A client asks where a topic is.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        9876,
        &[
            Opener(
                b"\0\0\0\x2f\0\0\0\x2b{\"code\":105,\"flag\":0,\"language\":\"JAVA\",\"opaque\":0}",
            ),
            Responder(b"\0\0\0\x20\0\0\0\x1c{\"code\":0,\"flag\":1,\"opaque\":0}"),
        ],
        "RocketMQ",
    )];

    #[test]
    fn a_header_longer_than_its_message_is_not_rocketmq() {
        let judged = probe(&Speech::stream(
            9876,
            b"\0\0\0\x20\0\0\0\x1d{\"code\":",
            false,
        ));
        assert_eq!(judged.unwrap_err(), Fault::Wrong("header length"));
    }
}
