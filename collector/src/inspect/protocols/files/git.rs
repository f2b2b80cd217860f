//! Git's own transport by the client's request (gitprotocol-pack, "Git Transport"): a line behind
//! its length, with the service, the path and the server's name.

use crate::inspect::{
    Label, Sensitive,
    protocols::text,
    reader::{Fault, Reader},
    registry::{Dissector, Facts, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Git"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const SERVICES: &[&[u8]] = &[b"upload-pack", b"receive-pack", b"upload-archive"];

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let length = length(&mut reader)?;
    let mut line = reader.part(length - 4, "request")?;
    line.magic(b"git-", "service")?;
    let text = line.take(length - 8, "request")?;
    let mut fields = text.split(|&byte| byte == 0);
    let request = fields.next().unwrap_or_default();
    let mut words = request.splitn(2, |&byte| byte == b' ');
    let (service, path) = (words.next().unwrap_or_default(), words.next());
    Reader::require(SERVICES.contains(&service) && path.is_some(), "service")?;
    Ok(Finding {
        facts: Facts {
            server_name: fields.find_map(host),
            ..Facts::default()
        },
        ..Finding::default()
    })
}

/// Four hexadecimal digits, which count themselves.
fn length(reader: &mut Reader<'_>) -> Result<usize, Fault> {
    let mut length = 0;
    for _ in 0..4 {
        let digit = char::from(reader.u8("length")?).to_digit(16);
        let digit = digit.and_then(|digit| usize::try_from(digit).ok());
        length = length * 16 + digit.ok_or(Fault::Wrong("length"))?;
    }
    Reader::require((16..=2048).contains(&length), "length")?;
    Ok(length)
}

/// The name in `host=name:port`.
fn host(field: &[u8]) -> Option<Sensitive> {
    let mut parts = field.strip_prefix(b"host=")?.split(|&byte| byte == b':');
    text::host_name(parts.next()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    const REQUEST: &[u8] = b"0032git-upload-pack /project.git\0host=example.org\0";

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        9418,
        &[
            Opener(REQUEST),
            Responder(b"00887217a7c7e582c46cec22a130adf4b9d7d950fba0 HEAD\0"),
        ],
        "Git",
    )];

    #[test]
    fn the_request_names_the_server() {
        let finding = probe(&Speech::stream(9418, REQUEST, false)).unwrap();
        assert_eq!(finding.facts.server_name.unwrap().reveal(), "example.org");
    }

    #[test]
    fn another_service_is_not_git() {
        let bytes = b"0032git-upload-back /project.git\0host=example.org\0";
        assert!(probe(&Speech::stream(9418, bytes, false)).is_err());
    }
}
