//! File transfer, the data connection, where it carries a listing as Unix servers write it (RFC 959
//! leaves the form open; `ls -l` is common practice): kind and permissions of the first entry.
//! A file's own bytes tell nothing, so that other transfers are known by port 20 alone.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("FTP_DATA"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    if speech.bytes.first() == Some(&b't') {
        reader.magic(b"total ", "total")?;
        let blocks = reader.line(16, "total")?;
        let number = !blocks.is_empty() && blocks.iter().all(u8::is_ascii_digit);
        Reader::require(number, "total")?;
    }
    entry(&mut reader)?;
    Ok(Finding::default())
}

/// As in `drwxr-xr-x   2`; an access list or a security context is marked in front of the space.
fn entry(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let kind = reader.u8("kind")?;
    Reader::require(b"-dlbcps".contains(&kind), "kind")?;
    for _ in 0..3 {
        for allowed in [&b"r-"[..], b"w-", b"xsStT-"] {
            let permission = reader.u8("permissions")?;
            Reader::require(allowed.contains(&permission), "permissions")?;
        }
    }
    let mut after = reader.u8("links")?;
    if matches!(after, b'+' | b'.' | b'@') {
        after = reader.u8("links")?;
    }
    Reader::require(after == b' ', "links")
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
            40_001,
            &[Responder(
                b"drwxr-xr-x    2 0        0            4096 Oct 08  2021 upload\r\n",
            )],
            "FTP_DATA",
        ),
        Talk::tcp(
            40_000,
            &[Opener(
                b"total 24\r\n-rw-r--r--. 1 ftp ftp 120 May 1 2020 a.txt\r\n",
            )],
            "FTP_DATA",
        ),
    ];

    #[test]
    fn text_that_begins_with_dashes_is_no_listing() {
        for text in [
            &b"-----BEGIN CERTIFICATE-----"[..],
            b"total recall\r\n",
            b"drwxr-xr-x2",
        ] {
            assert!(probe(&Speech::stream(40_000, text, false)).is_err());
        }
    }
}
