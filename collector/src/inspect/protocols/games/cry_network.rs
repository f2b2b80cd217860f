//! CryNetwork: a client's request for a connection, which gives the versions of its build and of
//! the protocol, four bytes each. There is no specification; the rule rests on the sizes of the
//! request's fields.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("CryNetwork"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    reader.magic(b"<", "request")?;
    for _ in 0..4 {
        Reader::require(
            reader.u32("version of build")? < 1 << 16,
            "version of build",
        )?;
    }
    let protocol = reader.u32("version of protocol")?;
    Reader::require((1..=32).contains(&protocol), "version of protocol")?;
    // What the client is able to do, its profile, its token and its session.
    reader.take(4 * 4, "client")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        64_090,
        &[Opener(
            b"<\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\x16\x1d\0\0\0\x06\0\0\0\x03\0\0\0\0\0\0\0\0\
            \xff\xff\xff\xff{00000000}",
        )],
        "CryNetwork",
    )];

    #[test]
    fn a_request_without_small_versions_is_not_crynetwork_s() {
        assert!(probe(&Speech::datagram(64_090, &[b'<'; 60])).is_err());
        assert!(probe(&Speech::datagram(64_090, b"<\0\0\0\x01\0\0\0\x01")).is_err());
    }
}
