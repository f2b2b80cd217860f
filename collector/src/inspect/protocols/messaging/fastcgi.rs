//! FastCGI by the record that a web server begins with (FastCGI Specification, section 3.3 and
//! 5.1).

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("FastCGI"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const VERSION: u8 = 1;
const BEGIN_REQUEST: u8 = 1;
const GET_VALUES: u8 = 9;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(&[VERSION], "version")?;
    let kind = reader.u8("type")?;
    let id = reader.u16("request id")?;
    let length = reader.u16("content length")?;
    reader.u8("padding length")?;
    reader.magic(b"\0", "reserved byte")?;
    match kind {
        BEGIN_REQUEST => {
            Reader::require(id != 0 && length == 8, "record")?;
            begin_request(&mut reader)?;
        }
        GET_VALUES => {
            Reader::require(id == 0, "request id")?;
            // A name, `FCGI_` of which is reserved, has its length and that of its value before it.
            reader.u16("lengths")?;
            reader.magic(b"FCGI_", "name")?;
        }
        _ => return Err(Fault::Wrong("type")),
    }
    Ok(Finding::default())
}

/// Role, whether the connection is kept, five reserved bytes.
fn begin_request(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let role = reader.u16("role")?;
    Reader::require(matches!(role, 1..=3), "role")?;
    Reader::require(reader.u8("flags")? <= 1, "flags")?;
    reader.magic(&[0; 5], "reserved bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A request for a page, and the page's beginning.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        9000,
        &[
            Opener(b"\x01\x01\0\x01\0\x08\0\0\0\x01\0\0\0\0\0\0"),
            Opener(b"\x01\x04\0\x01\0\x16\0\0\x0e\x04REQUEST_METHODGET "),
            Responder(b"\x01\x06\0\x01\0\x1a\x06\0Content-type: text/html\r\n\r\n"),
        ],
        "FastCGI",
    )];

    #[test]
    fn a_record_of_another_length_or_role_is_not_fastcgi() {
        for bytes in [
            &b"\x01\x01\0\x01\0\x09\0\0\0\x01\0\0\0\0\0\0"[..],
            b"\x01\x01\0\x01\0\x08\0\0\0\x04\0\0\0\0\0\0",
            b"\x01\x01\0\0\0\x08\0\0\0\x01\0\0\0\0\0\0",
        ] {
            let judged = probe(&Speech::stream(9000, bytes, false));
            assert!(matches!(judged, Err(Fault::Wrong(_))));
        }
    }
}
