//! File transfer, the data connection, where it carries a listing: as Unix servers write it (RFC 959
//! leaves the form open; `ls -l` is common practice), by kind and permissions of the first entry, or
//! as a list of facts (RFC 3659, section 7.2).
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
    match listing(speech.bytes) {
        Err(Fault::Wrong(_)) => facts(speech.bytes)?,
        judged => judged?,
    }
    Ok(Finding::default())
}

fn listing(bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::open(bytes);
    if bytes.first() == Some(&b't') {
        reader.magic(b"total ", "total")?;
        let blocks = reader.line(16, "total")?;
        let number = !blocks.is_empty() && blocks.iter().all(u8::is_ascii_digit);
        Reader::require(number, "total")?;
    }
    entry(&mut reader)
}

/// Two facts or more, then a space and a name: `type=file;size=12; name`.
fn facts(bytes: &[u8]) -> Result<(), Fault> {
    const NAMES: &[&[u8]] = &[b"type", b"size", b"modify", b"perm", b"unique", b"create"];
    let line = Reader::open(bytes).line(512, "facts")?;
    let list = line.split(|&byte| byte == b' ').next().unwrap_or_default();
    let known = |fact: &&[u8]| {
        let name = fact.split(|&byte| byte == b'=').next().unwrap_or_default();
        NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
    };
    let count = list.split(|&byte| byte == b';').filter(known).count();
    Reader::require(count >= 2 && list.ends_with(b";"), "facts")
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
            40_002,
            &[Responder(
                b"type=file;size=1024;modify=20210101000000; a.txt\r\n",
            )],
            "FTP_DATA",
        ),
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
