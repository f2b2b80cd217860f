//! Spotify's own protocols: the search for devices in a local network, and the client's hello to an
//! access point. The vendor publishes no description; the rules rest on the search's magic number,
//! and on the hello's version, its size, and its first member, which says what the client is.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Spotify"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.transport {
        Transport::Udp => Reader::whole(speech.bytes).magic(b"SpotUdp", "magic")?,
        Transport::Tcp => hello(&mut Reader::open(speech.bytes))?,
    }
    Ok(Finding::default())
}

fn hello(reader: &mut Reader<'_>) -> Result<(), Fault> {
    /// Field 10: the build; within it field 10: the product.
    const BUILD: u8 = 10 << 3 | 2;
    const PRODUCT: u8 = 10 << 3;
    reader.magic(&[0, 4, 0, 0], "version")?;
    let size = reader.u16("size")?;
    Reader::require((64..4096).contains(&size), "size")?;
    reader.magic(&[BUILD], "build")?;
    let length = reader.u8("build")?;
    Reader::require((4..64).contains(&length), "build")?;
    reader.magic(&[PRODUCT], "product")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            4070,
            &[Opener(
                b"\0\x04\0\0\x01\x49\x52\x0f\x50\x02\xa0\x01\0\xf0\x01\x06\xc0\x02",
            )],
            "Spotify",
        ),
        Talk::udp(
            57_621,
            &[Opener(
                b"SpotUdp0\xdc\x15\x74\x28\x2e\x52\x62\x4c\0\x01\0\x04\x48\x95\xc2\x03",
            )],
            "Spotify",
        ),
    ];

    #[test]
    fn a_hello_says_what_the_client_is() {
        let other = b"\0\x04\0\0\x01\x49\x53\x0f\x50";
        assert!(probe(&Speech::stream(4070, other, false)).is_err());
    }
}
