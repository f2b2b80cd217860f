//! HTTP/1.0 and 1.1 by the heads of the first request and response (RFC 9112), with the host, the
//! user agent and the media type (RFC 9110). The heads are read by `httparse`.

use httparse::{Error, Header, ParserConfig, Request, Response, Status};
use zeroize::Zeroizing;

use crate::inspect::{
    Label, Sensitive,
    reader::Fault,
    registry::{Dissector, Facts, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("HTTP"),
    transports: &[Transport::Tcp],
    both_sides: true,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const FIRST_LINE: Fault = Fault::Wrong("first line");
const MOST_HEADERS: usize = 100;

/// How far a head could be read, once its first line is known to be sound.
enum Head {
    /// It is whole, or can't be read any further.
    Read,
    /// Its end is not here.
    Cut,
    /// An interim response of this many bytes (RFC 9110, section 15.2).
    Interim(usize),
}

fn probe(speech: &Speech<'_>) -> Verdict {
    if !speech.bytes.contains(&b'\n') {
        return unfinished_line(speech.bytes);
    }
    let mut facts = Facts::default();
    match head(speech.bytes, &mut facts) {
        None => Err(FIRST_LINE),
        Some(Head::Cut) if speech.finished => of_whole_lines(speech.bytes),
        Some(head) => Ok(Finding {
            facts,
            more: !matches!(head, Head::Read),
            ..Finding::default()
        }),
    }
}

/// Reads what is here of a request, or of the responses to one. `None` where the first line is
/// neither a request line nor a status line.
fn head(bytes: &[u8], facts: &mut Facts) -> Option<Head> {
    if bytes.starts_with(b"HTTP/") {
        responses(bytes, facts)
    } else {
        request(bytes, facts)
    }
}

/// A first line without its end can be ruled out, but proves nothing: a version may still follow.
fn unfinished_line(bytes: &[u8]) -> Verdict {
    let sound = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ' || *byte >= 0x80;
    let text = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"/!#$%&'*+-.^_`|~".contains(byte);
    let method = text.split(|&byte| byte == b' ').next().unwrap_or_default();
    if text.iter().all(sound) && method.iter().all(token) {
        Err(Fault::Short("first line"))
    } else {
        Err(FIRST_LINE)
    }
}

/// A head that the window or the flow's end cuts: read as far as its lines are whole.
fn of_whole_lines(bytes: &[u8]) -> Verdict {
    let end = bytes.iter().rposition(|&byte| byte == b'\n');
    let lines = bytes
        .get(..end.map_or(0, |end| end + 1))
        .unwrap_or_default();
    let mut whole = Zeroizing::new(Vec::with_capacity(lines.len() + 2));
    whole.extend_from_slice(lines);
    whole.extend_from_slice(b"\r\n");
    let mut facts = Facts::default();
    match head(&whole, &mut facts) {
        None => Err(FIRST_LINE),
        Some(_) => Ok(Finding {
            facts,
            ..Finding::default()
        }),
    }
}

/// `None` where the first line is no request line.
fn request(bytes: &[u8], facts: &mut Facts) -> Option<Head> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = Request::new(&mut headers);
    let head = sound(lenient().parse_request(&mut request, bytes))?;
    // `httparse` reads over empty lines in front; without a version it has seen nothing else.
    request.version?;
    if matches!(head, Head::Cut) {
        return Some(head);
    }
    facts.user_agent = text(value(request.headers, "user-agent"));
    let host = value(request.headers, "host").or(request.path.and_then(authority));
    facts.server_name = host.and_then(host_name);
    Some(head)
}

/// The first response that is final; the interim ones before it are read over. `None` where the
/// first line is no status line.
fn responses(bytes: &[u8], facts: &mut Facts) -> Option<Head> {
    let mut rest = bytes;
    loop {
        match response(rest, facts) {
            Some(Head::Interim(length)) => rest = rest.get(length..).unwrap_or_default(),
            None if rest.len() < bytes.len() => return Some(Head::Read),
            head => return head,
        }
        if rest.is_empty() {
            return Some(Head::Cut);
        }
    }
}

fn response(bytes: &[u8], facts: &mut Facts) -> Option<Head> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = Response::new(&mut headers);
    let parsed = lenient().parse_response(&mut response, bytes);
    let head = sound(parsed)?;
    match (parsed, response.code) {
        // Switching protocols (101) is the last response in HTTP.
        (Ok(Status::Complete(length)), Some(100 | 102..=199)) => Some(Head::Interim(length)),
        (Ok(Status::Partial), _) => Some(head),
        _ => {
            facts.content_type = value(response.headers, "content-type").and_then(media_type);
            Some(head)
        }
    }
}

/// A meter is no party to the exchange: it takes what a lenient peer may (RFC 9112, sections 3, 4
/// and 5.2), and leaves a malformed field out.
fn lenient() -> ParserConfig {
    let mut config = ParserConfig::default();
    config
        .allow_multiple_spaces_in_request_line_delimiters(true)
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .ignore_invalid_headers_in_requests(true)
        .ignore_invalid_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true);
    config
}

/// `None` for a fault in the first line. One behind it leaves the label as it is, and of the fields
/// those before the fault.
fn sound(parsed: Result<Status<usize>, Error>) -> Option<Head> {
    match parsed {
        Ok(Status::Complete(_)) => Some(Head::Read),
        Ok(Status::Partial) => Some(Head::Cut),
        Err(Error::HeaderName | Error::HeaderValue | Error::TooManyHeaders) => Some(Head::Read),
        Err(Error::NewLine | Error::Status | Error::Token | Error::Version) => None,
    }
}

fn value<'a>(headers: &[Header<'a>], name: &str) -> Option<&'a [u8]> {
    let field = headers
        .iter()
        .find(|field| field.name.eq_ignore_ascii_case(name))?;
    Some(field.value)
}

fn text(value: Option<&[u8]>) -> Option<Sensitive> {
    let text = String::from_utf8_lossy(value?.trim_ascii());
    (!text.is_empty()).then(|| Sensitive::new(text))
}

/// Of a target in absolute form (RFC 9112, section 3.2.2).
fn authority(target: &str) -> Option<&[u8]> {
    let (_, rest) = target.split_once("://")?;
    rest.split(['/', '?']).next().map(str::as_bytes)
}

/// A host without its port, in lower case (RFC 3986, section 3.2.2).
fn host_name(host: &[u8]) -> Option<Sensitive> {
    let host = std::str::from_utf8(host.trim_ascii()).ok()?;
    let name = match host.strip_prefix('[') {
        Some(literal) => literal.split(']').next(),
        None => host.split(':').next(),
    };
    let name = name.filter(|name| (1..=255).contains(&name.len()))?;
    Some(Sensitive::new(name.to_ascii_lowercase()))
}

/// `type/subtype` of a content type, in lower case and without parameters (RFC 9110, 8.3.1).
fn media_type(value: &[u8]) -> Option<String> {
    let essence = value.split(|&byte| byte == b';').next()?.trim_ascii();
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+*".contains(byte);
    let mut names = essence.split(|&byte| byte == b'/');
    let (first, second, third) = (names.next()?, names.next()?, names.next());
    let named = |name: &[u8]| !name.is_empty() && name.iter().all(token);
    let sound = named(first) && named(second) && third.is_none() && essence.len() <= 127;
    let text = std::str::from_utf8(essence).ok().filter(|_| sound)?;
    Some(text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        80,
        &[
            Opener(
                b"GET /index.html HTTP/1.1\r\nHost: WWW.example.org:80\r\n\
                User-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n",
            ),
            Responder(
                b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\n\
                Content-Type: Text/HTML; charset=utf-8\r\nContent-Length: 5\r\n\r\nhello",
            ),
        ],
        "HTTP",
    )];

    fn certain(bytes: &[u8], finished: bool) -> Option<Finding> {
        let speech = Speech::stream(8080, bytes, finished);
        probe(&speech).ok()
    }

    fn name(facts: &Facts) -> Option<&str> {
        facts.server_name.as_ref().map(Sensitive::reveal)
    }

    #[test]
    fn a_request_gives_host_and_user_agent() {
        let request =
            b"GET / HTTP/1.1\r\nhost: [2001:DB8::1]:8080\r\nUser-Agent: Wget/1.21.4\r\n\r\n";
        let finding = certain(request, false).unwrap();
        assert_eq!(name(&finding.facts), Some("2001:db8::1"));
        let agent = finding.facts.user_agent.unwrap();
        assert_eq!(agent.reveal(), "Wget/1.21.4");
        assert!(!finding.more);
    }

    #[test]
    fn a_target_in_absolute_form_gives_the_host_where_the_field_is_missing() {
        let finding = certain(b"GET http://Example.org/a HTTP/1.0\r\n\r\n", false).unwrap();
        assert_eq!(name(&finding.facts), Some("example.org"));
    }

    #[test]
    fn a_response_gives_its_media_type_in_lower_case_without_parameters() {
        let response = b"HTTP/1.1 404 Not Found\r\nContent-Type: Text/HTML ; charset=utf-8\r\n\r\n";
        let facts = certain(response, false).unwrap().facts;
        assert_eq!(facts.content_type.as_deref(), Some("text/html"));
        let malformed = b"HTTP/1.1 200 OK\r\nContent-Type: a/b/c\r\n\r\n";
        assert_eq!(certain(malformed, false).unwrap().facts.content_type, None);
    }

    #[test]
    fn an_interim_response_is_read_over() {
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
        assert!(certain(interim, false).unwrap().more);
        let both = [
            &interim[..],
            b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n",
        ]
        .concat();
        let finding = certain(&both, false).unwrap();
        assert_eq!(finding.facts.content_type.as_deref(), Some("image/png"));
        assert!(!finding.more);
    }

    #[test]
    fn a_head_that_is_cut_gives_its_whole_lines_at_the_end() {
        let cut = b"GET / HTTP/1.1\r\nHost: example.org\r\nUser-Agent: cu";
        let early = certain(cut, false).unwrap();
        assert!(early.more && early.facts.server_name.is_none());
        let last = certain(cut, true).unwrap();
        assert_eq!(name(&last.facts), Some("example.org"));
        assert!(last.facts.user_agent.is_none());
    }

    #[test]
    fn a_malformed_field_is_left_out() {
        let request = b"GET / HTTP/1.1\r\nbad field\r\nHost: example.org\r\n\r\n";
        let finding = certain(request, false).unwrap();
        assert_eq!(name(&finding.facts), Some("example.org"));
    }

    #[test]
    fn relatives_of_http_and_empty_lines_are_not_http() {
        for bytes in [
            &b"OPTIONS rtsp://example.org RTSP/1.0\r\n\r\n"[..],
            b"RTSP/1.0 200 OK\r\n\r\n",
            b"OPTIONS sip:a@example.org SIP/2.0\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\r\n\r\n",
            b"\n",
            b"USER anonymous\r\n",
        ] {
            assert!(certain(bytes, true).is_none(), "{}", bytes.escape_ascii());
        }
    }
}
