//! ZooKeeper by the opening of a session (Apache ZooKeeper, `zookeeper.jute`, ConnectRequest and
//! ConnectResponse): length, version 0, times, and a password of 16 bytes.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("ZooKeeper"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Of milliseconds.
const TIMEOUTS: std::ops::RangeInclusive<u32> = 1..=3_600_000;
const PASSWORD: u32 = 16;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let length = reader.u32("length")?;
    // A request knows the last transaction; since 3.4 both say whether writing is possible.
    let of_request = matches!(length, 44 | 45);
    Reader::require(of_request || matches!(length, 36 | 37), "length")?;
    reader.magic(&[0; 4], "version")?;
    if of_request {
        reader.u64("last transaction")?;
    }
    Reader::require(TIMEOUTS.contains(&reader.u32("timeout")?), "timeout")?;
    reader.u64("session")?;
    Reader::require(reader.u32("password")? == PASSWORD, "password")?;
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

    /// A session opens.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        2181,
        &[
            Opener(
                b"\0\0\0\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x75\x30\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0\0",
            ),
            Responder(
                b"\0\0\0\x25\0\0\0\0\0\0\x75\x30\x01\0\x01\x02\x03\x04\0\0\0\0\0\x10\xab\xcd",
            ),
        ],
        "ZooKeeper",
    )];

    #[test]
    fn another_version_or_password_is_not_zookeeper() {
        let version = probe(&Speech::stream(2181, b"\0\0\0\x2d\0\0\0\x01", false));
        assert_eq!(version.unwrap_err(), Fault::Wrong("version"));
        let password = b"\0\0\0\x24\0\0\0\0\0\0\x75\x30\0\0\0\0\0\0\0\0\0\0\0\x11";
        let judged = probe(&Speech::stream(2181, password, false));
        assert_eq!(judged.unwrap_err(), Fault::Wrong("password"));
    }
}
