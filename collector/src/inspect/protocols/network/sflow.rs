//! sFlow of versions 2, 4 (RFC 3176) and 5 (sflow.org, version 5 specification): the version and
//! the type of the agent's address, each of 32 bits.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("sFlow"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const MOST_SAMPLES: u32 = 256;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    let version = reader.u32("version")?;
    Reader::require(matches!(version, 2 | 4 | 5), "version")?;
    match reader.u32("address type")? {
        1 => reader.take(4, "address")?,
        2 => reader.take(16, "address")?,
        _ => return Err(Fault::Wrong("address type")),
    };
    // A sub-agent, since version 5; then sequence number and uptime.
    reader.take(if version == 5 { 12 } else { 8 }, "header")?;
    Reader::require(reader.u32("samples")? <= MOST_SAMPLES, "samples")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        6343,
        &[Opener(
            b"\0\0\0\x05\0\0\0\x01\xc0\0\x02\x01\0\0\0\x01\0\0\x01\x9fg=\xd7\x10\0\
                    \0\0\x01\0\0\0\x02",
        )],
        "sFlow",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn another_version_or_address_is_not_sflow() {
        assert!(!certain(6343, &[0; 40]));
        assert!(!certain(
            6343,
            b"\0\0\0\x05\0\0\0\x03aaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        ));
    }
}
