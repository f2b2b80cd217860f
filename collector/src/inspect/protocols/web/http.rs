//! HTTP/1.0 and 1.1 by the heads of the first request and response (RFC 9112), with the host, the
//! user agent and the media type (RFC 9110). What runs over it is for [`super::application`].
//!
//! Two first lines of Icecast and SHOUTcast stand in for HTTP's: a source offers its stream in a
//! version `ICE/1.0`, and a server answers with the version `ICY`.

use super::{application, head::Head};
use crate::inspect::{
    Label, Sensitive,
    reader::{Fault, Reader},
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

const FIRST_LINE: &str = "first line";
/// Longer than any registered method (RFC 9110, section 16.1.1).
const LONGEST_METHOD: usize = 32;

fn probe(speech: &Speech<'_>) -> Verdict {
    // A server reads over empty lines in front (RFC 9112, section 2.2).
    let bytes = match speech.bytes.iter().position(|byte| !b"\r\n".contains(byte)) {
        Some(start) => speech.bytes.get(start..).unwrap_or_default(),
        None => &[],
    };
    // Either first line begins with a word; the search for its end would read all of the window.
    Reader::require(bytes.first().is_none_or(in_token), FIRST_LINE)?;
    let Some(head) = Head::read(bytes) else {
        return unfinished_line(bytes, speech.finished);
    };
    match Status::read(head.first) {
        Some(status) => Ok(response(head, status)),
        None => request(&head),
    }
}

/// A first line without its end can be ruled out, but proves nothing: a version may still follow. If
/// none does, as when the window is too small for the target, a common request is likely.
fn unfinished_line(bytes: &[u8], finished: bool) -> Verdict {
    const COMMON: &[&[u8]] = &[b"GET /", b"POST /", b"HEAD /", b"PUT /"];
    // A status line's version is a word with a slash in it.
    let token = |byte: &u8| in_token(byte) || b"/\r".contains(byte);
    let method = bytes.split(|&byte| byte == b' ').next().unwrap_or_default();
    Reader::require(method.len() <= LONGEST_METHOD, FIRST_LINE)?;
    // A version with a damaged digit is one, as in a line that is whole.
    let sound = method.starts_with(b"HTTP/") || method.iter().all(token);
    Reader::require(sound, FIRST_LINE)?;
    if finished && COMMON.iter().any(|common| bytes.starts_with(common)) {
        return Ok(Finding::likely());
    }
    Err(Fault::Short(FIRST_LINE))
}

/// Of the characters of a token (RFC 9110, section 5.6.2).
fn in_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_+!#$%&'*.^`|~".contains(byte)
}

/// A request line's method and target. The version is judged by its name alone, so that a damaged
/// digit does no harm.
pub(super) struct RequestLine<'a> {
    pub(super) method: &'a [u8],
    pub(super) target: &'a [u8],
    /// The version is Icecast's.
    pub(super) source: bool,
}

impl<'a> RequestLine<'a> {
    fn read(line: &'a [u8]) -> Option<Self> {
        let mut ends = line.splitn(2, |&byte| byte == b' ');
        let (method, rest) = (ends.next()?, ends.next()?);
        let space = rest.iter().rposition(|&byte| byte == b' ')?;
        let (target, version) = rest.split_at_checked(space)?;
        let named = (1..=LONGEST_METHOD).contains(&method.len()) && method.iter().all(in_token);
        let spoken = version.len() == " HTTP/1.1".len() && version.starts_with(b" HTTP/");
        let line = Self {
            method,
            target: target.trim_ascii(),
            source: version == b" ICE/1.0",
        };
        // The preface of HTTP/2 (RFC 9113, section 3.4).
        let other = method == b"PRI" || line.target.is_empty();
        (named && (spoken || line.source) && !other).then_some(line)
    }
}

/// A status line's code: three digits behind the version.
struct Status {
    code: [u8; 3],
    /// The version is SHOUTcast's.
    shoutcast: bool,
}

impl Status {
    fn read(line: &[u8]) -> Option<Self> {
        let mut ends = line.splitn(2, |&byte| byte == b' ');
        let (version, behind) = (ends.next()?, ends.next()?.trim_ascii_start());
        let shoutcast = version == b"ICY";
        let spoken = version.len() == "HTTP/1.1".len() && version.starts_with(b"HTTP/");
        let code = *behind.first_chunk::<3>()?;
        let alone = behind.get(3).is_none_or(|&byte| byte == b' ');
        let sound = alone && code.iter().all(u8::is_ascii_digit);
        (sound && (spoken || shoutcast)).then_some(Self { code, shoutcast })
    }

    /// Switching protocols (101) is the last response in HTTP.
    fn interim(&self) -> bool {
        self.code.starts_with(b"1") && &self.code != b"101"
    }
}

fn request(head: &Head<'_>) -> Verdict {
    let line = RequestLine::read(head.first).ok_or(Fault::Wrong(FIRST_LINE))?;
    let host = head.field("host").filter(|host| !host.is_empty());
    let host = host.or_else(|| authority(&line)).and_then(host_name);
    let mut finding = application::of_request(&line, head, host.as_ref());
    finding.facts = Facts {
        user_agent: head.field("user-agent").and_then(text),
        server_name: host,
        ..Facts::default()
    };
    finding.more |= head.behind().is_none();
    Ok(finding)
}

/// The first response that is final: the interim ones before it are read over (RFC 9110, section
/// 15.2).
fn response(mut head: Head<'_>, mut status: Status) -> Finding {
    while status.interim() {
        let Some(next) = head.behind().and_then(Head::read) else {
            return Finding {
                more: true,
                ..Finding::default()
            };
        };
        let Some(found) = Status::read(next.first) else {
            return Finding::default();
        };
        (head, status) = (next, found);
    }
    let media_type = head.field("content-type").and_then(media_type);
    let mut finding = application::of_response(&head, media_type.as_deref());
    if status.shoutcast {
        finding.label = Some(Label::of("IceCast"));
    }
    finding.facts.content_type = media_type;
    finding.more |= head.behind().is_none();
    finding
}

fn text(value: &[u8]) -> Option<Sensitive> {
    (!value.is_empty()).then(|| Sensitive::new(String::from_utf8_lossy(value)))
}

/// Of a target in absolute form, or of CONNECT's (RFC 9112, sections 3.2.2 and 3.2.3).
fn authority<'a>(line: &RequestLine<'a>) -> Option<&'a [u8]> {
    if line.method == b"CONNECT" {
        return Some(line.target);
    }
    let scheme = line.target.windows(3).position(|part| part == b"://")?;
    let rest = line.target.get(scheme + 3..)?;
    rest.split(|byte| b"/?".contains(byte)).next()
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

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
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
        ),
        Talk::tcp(
            8080,
            &[
                Opener(b"GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n"),
                Responder(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            ],
            "HTTP_Proxy",
        ),
        Talk::tcp(
            3128,
            &[
                Opener(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n"),
                Responder(b"HTTP/1.1 200 Connection established\r\n\r\n"),
                Opener(b"\x16\x03\x01\x01\x06\x01\0\x01\x02\x03\x03"),
            ],
            "HTTP_Connect",
        ),
        Talk::tcp(
            80,
            &[
                Opener(
                    b"GET /chat HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\n\
                    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                    Sec-WebSocket-Version: 13\r\n\r\n",
                ),
                Responder(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                    Connection: Upgrade\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x02hi",
                ),
            ],
            "HTTP.WebSocket",
        ),
        Talk::tcp(
            80,
            &[
                Opener(
                    b"POST / HTTP/1.1\r\nHost: ocsp.example.org\r\n\
                    Content-Type: application/ocsp-request\r\nContent-Length: 2\r\n\r\n0\0",
                ),
                Responder(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\n\
                    Content-Length: 2\r\n\r\n0\0",
                ),
            ],
            "HTTP.OCSP",
        ),
        Talk::tcp(
            8545,
            &[Opener(
                b"POST / HTTP/1.1\r\nHost: example.org\r\nContent-Type: application/json\r\n\
                Content-Length: 40\r\n\r\n{\"jsonrpc\": \"2.0\", \"method\": \"a\", \"id\": 1}",
            )],
            "HTTP.JSON-RPC",
        ),
        Talk::tcp(
            80,
            &[Responder(
                b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 944\r\n\r\n\
                \0\0\0\x1cftypiso5\0\0\0\x01avc1iso5dash\0\0\0\x08free",
            )],
            "HTTP.MpegDash",
        ),
        Talk::tcp(
            8000,
            &[
                Opener(b"GET /stream HTTP/1.0\r\nHost: example.org\r\nIcy-MetaData: 1\r\n\r\n"),
                Responder(
                    b"HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\nicy-br: 128\r\n\
                    icy-name: Example\r\n\r\n",
                ),
            ],
            "HTTP.IceCast",
        ),
        Talk::tcp(
            8000,
            &[
                Opener(b"SOURCE /example.ogg ICE/1.0\r\nAuthorization: Basic c291cmNlOmE=\r\n"),
                Responder(b"HTTP/1.0 200 OK\r\n\r\n"),
            ],
            "IceCast",
        ),
        Talk::tcp(
            8000,
            &[Responder(
                b"ICY 200 OK\r\nicy-name:Example\r\nicy-metaint:8192\r\n\r\n",
            )],
            "IceCast",
        ),
    ];

    fn certain(bytes: &[u8]) -> Option<Finding> {
        let speech = Speech::stream(8080, bytes, false);
        probe(&speech).ok()
    }

    fn name(facts: &Facts) -> Option<&str> {
        facts.server_name.as_ref().map(Sensitive::reveal)
    }

    #[test]
    fn a_damaged_version_rules_a_status_line_out_neither_whole_nor_cut() {
        let response = b"HTTP/\xb1.1 200 OK\r\n\r\n";
        for cut in 0..response.len() {
            let verdict = probe(&Speech::stream(80, &response[..cut], false));
            assert!(!matches!(verdict, Err(Fault::Wrong(_))), "{cut}");
        }
        assert!(probe(&Speech::stream(80, response, false)).is_ok());
    }

    #[test]
    fn a_request_gives_host_and_user_agent() {
        let request =
            b"GET / HTTP/1.1\r\nhost: [2001:DB8::1]:8080\r\nUser-Agent: Wget/1.21.4\r\n\r\n";
        let finding = certain(request).unwrap();
        assert_eq!(name(&finding.facts), Some("2001:db8::1"));
        let agent = finding.facts.user_agent.unwrap();
        assert_eq!(agent.reveal(), "Wget/1.21.4");
        assert!(!finding.more);
    }

    #[test]
    fn a_target_gives_the_host_where_the_field_is_missing() {
        let finding = certain(b"GET http://Example.org/a HTTP/1.0\r\n\r\n").unwrap();
        assert_eq!(name(&finding.facts), Some("example.org"));
        let finding = certain(b"CONNECT Example.org:443 HTTP/1.0\r\n\r\n").unwrap();
        assert_eq!(name(&finding.facts), Some("example.org"));
    }

    #[test]
    fn a_response_gives_its_media_type_in_lower_case_without_parameters() {
        let response = b"HTTP/1.1 404 Not Found\r\nContent-Type: Text/HTML ; charset=utf-8\r\n\r\n";
        let facts = certain(response).unwrap().facts;
        assert_eq!(facts.content_type.as_deref(), Some("text/html"));
        let malformed = b"HTTP/1.1 200 OK\r\nContent-Type: a/b/c\r\n\r\n";
        assert_eq!(certain(malformed).unwrap().facts.content_type, None);
    }

    #[test]
    fn an_interim_response_is_read_over() {
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
        assert!(certain(interim).unwrap().more);
        let both = [
            &interim[..],
            b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n",
        ]
        .concat();
        let finding = certain(&both).unwrap();
        assert_eq!(finding.facts.content_type.as_deref(), Some("image/png"));
        assert!(!finding.more);
    }

    #[test]
    fn a_head_that_is_cut_gives_its_whole_lines_and_wants_more() {
        let finding = certain(b"GET / HTTP/1.1\r\nHost: example.org\r\nUser-Agent: cu").unwrap();
        assert_eq!(name(&finding.facts), Some("example.org"));
        assert!(finding.more && finding.facts.user_agent.is_none());
    }

    #[test]
    fn a_first_line_is_known_by_the_version_s_name_though_a_byte_be_damaged() {
        assert!(certain(b"POST /a%s\0b.dll HTTP/d.1\r\n\r\n").is_some());
        assert!(certain(b"HTTP/1.\xc5 200 OK\r\n\r\n").is_some());
        assert!(certain(b"HTTP/1.1 2000 OK\r\n\r\n").is_none());
    }

    #[test]
    fn a_common_request_whose_line_is_cut_is_likely() {
        let judge = |bytes, finished| probe(&Speech::stream(80, bytes, finished));
        assert!(judge(b"GET /a?b=", true).is_ok_and(|finding| finding.likely));
        assert!(judge(b"GET /a?b=", false).is_err());
        assert!(judge(b"OPTIONS sip:a", true).is_err());
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
            b"\0\0GET / HTTP/1.1\r\n",
            b"SOURCE /a\r\n",
            b"ICY weather\r\n",
        ] {
            assert!(certain(bytes).is_none(), "{}", bytes.escape_ascii());
        }
    }
}
