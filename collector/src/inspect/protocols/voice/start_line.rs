//! The first line of messages in the style of HTTP, of SIP (RFC 3261, section 7) and RTSP
//! (RFC 2326, sections 6.1 and 7.1).

use crate::inspect::{
    protocols::text,
    reader::{Fault, Reader},
};

/// With CR and LF.
const LONGEST_LINE: usize = 1024;

/// `Method URI protocol` with a URI of one of `schemes`, or `protocol code reason`.
pub(super) fn start_line(
    mut reader: Reader<'_>,
    protocol: &[u8],
    schemes: &[&[u8]],
) -> Result<(), Fault> {
    if reader.rest().first() == protocol.first() && status_line(reader, protocol).is_ok() {
        return Ok(());
    }
    let line = reader.line(LONGEST_LINE, "start line")?;
    let mut words = line.split(|&byte| byte == b' ');
    let (method, uri, version) = (words.next(), words.next(), words.next());
    let token = |word: &[u8]| word.iter().all(|b| b.is_ascii_uppercase() || *b == b'_');
    let formed = method.is_some_and(|method| !method.is_empty() && token(method))
        && words.next().is_none()
        && version == Some(protocol);
    Reader::require(formed, "request line")?;
    let known = |uri| {
        schemes
            .iter()
            .any(|scheme| text::behind(uri, scheme).is_some())
    };
    Reader::require(uri.is_some_and(known), "request URI")
}

fn status_line(mut reader: Reader<'_>, protocol: &[u8]) -> Result<(), Fault> {
    reader.magic(protocol, "protocol")?;
    reader.magic(b" ", "space")?;
    let code = reader.take(3, "status code")?;
    let formed = code.iter().all(u8::is_ascii_digit) && matches!(code.first(), Some(b'1'..=b'6'));
    Reader::require(formed, "status code")?;
    reader.magic(b" ", "space")
}
