//! XMPP, in nDPI's vocabulary Jabber, by the head of its stream (RFC 6120, section 4.2), which names
//! the server. What comes after it, STARTTLS included, does not change the label.

use crate::inspect::{
    Label, Sensitive,
    protocols::text,
    reader::{Fault, Reader},
    registry::{Dissector, Facts, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Jabber"),
    transports: &[Transport::Tcp],
    both_sides: true,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const LONGEST_DECLARATION: usize = 128;
const LONGEST_HEAD: usize = 1024;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes.trim_ascii_start());
    if let [b'<', b'?', ..] | [b'<'] = reader.rest() {
        declaration(&mut reader)?;
        reader = Reader::open(reader.rest().trim_ascii_start());
    }
    reader.magic(b"<stream:stream", "stream head")?;
    let head = reader.rest();
    let end = head.iter().take(LONGEST_HEAD).position(|&b| b == b'>');
    let whole = head.get(..end.unwrap_or(0)).unwrap_or_default();
    Ok(Finding {
        facts: Facts {
            server_name: addressee(whole).filter(|_| speech.from_opener),
            ..Facts::default()
        },
        more: end.is_none() && head.len() < LONGEST_HEAD,
        ..Finding::default()
    })
}

/// `<?xml version='1.0'?>`.
fn declaration(reader: &mut Reader<'_>) -> Result<(), Fault> {
    const DECLARATION: Fault = Fault::Short("XML declaration");
    reader.magic(b"<?xml ", "XML declaration")?;
    let rest = reader.rest();
    let within = rest.get(..LONGEST_DECLARATION).unwrap_or(rest);
    match within.windows(2).position(|two| two == b"?>") {
        Some(end) => reader.take(end + 2, "XML declaration").map(|_| ()),
        None if within.len() < LONGEST_DECLARATION => Err(DECLARATION),
        None => Err(Fault::Wrong("XML declaration")),
    }
}

/// The value of the attribute `to`.
fn addressee(head: &[u8]) -> Option<Sensitive> {
    let at = head
        .windows(4)
        .position(|four| matches!(four, b" to=" | b"\nto="))?;
    let (quote, rest) = head.get(at + 4..)?.split_first()?;
    text::host_name(rest.split(|byte| byte == quote).next()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    const HEAD: &[u8] = b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
        to='im.example.org' version='1.0'>";

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        5222,
        &[
            Opener(HEAD),
            Responder(
                b"<?xml version='1.0'?><stream:stream from='im.example.org' id='1' \
                xmlns='jabber:client' version='1.0'>",
            ),
        ],
        "Jabber",
    )];

    #[test]
    fn the_head_names_the_server() {
        let finding = probe(&Speech::stream(5222, HEAD, false)).unwrap();
        assert_eq!(
            finding.facts.server_name.unwrap().reveal(),
            "im.example.org"
        );
        assert!(!finding.more);
    }

    #[test]
    fn other_documents_are_not_jabber() {
        for document in [
            &b"<?xml version='1.0'?><html>"[..],
            b"<policy-file-request/>",
        ] {
            assert!(
                probe(&Speech::stream(5222, document, false))
                    .is_err_and(|fault| matches!(fault, Fault::Wrong(_)))
            );
        }
    }
}
