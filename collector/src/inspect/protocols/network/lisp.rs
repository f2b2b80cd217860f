//! LISP: data (RFC 9300, section 5.1) holds an IP packet, control messages (RFC 9301, section 5)
//! name an address family. On its ports.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("LISP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const DATA: u16 = 4341;
const CONTROL: u16 = 4342;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    if speech.on_port(DATA) {
        reader.u64("header")?;
        packet(reader.rest())?;
    } else {
        Reader::require(speech.on_port(CONTROL), "port")?;
        control(&mut reader)?;
    }
    Ok(Finding::default())
}

/// A packet of IP whose length is all that is left.
fn packet(bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::whole(bytes);
    let length = match reader.u8("IP version")? >> 4 {
        4 => {
            reader.u8("service")?;
            usize::from(reader.u16("IP length")?)
        }
        6 => {
            reader.u24("flow label")?;
            usize::from(reader.u16("IP length")?) + 40
        }
        _ => return Err(Fault::Wrong("IP version")),
    };
    Reader::require(length == bytes.len() && length >= 20, "IP length")
}

fn control(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let kind = reader.u8("message type")? >> 4;
    reader.u16("flags")?;
    let records = reader.u8("records")?;
    match kind {
        1 => {
            reader.u64("nonce")?;
            family(reader)
        }
        2 => {
            reader.u64("nonce")?;
            record(reader)
        }
        3..=5 => {
            reader.take(10, "nonce and key")?;
            let authentication = usize::from(reader.u16("authentication")?);
            reader.take(authentication, "authentication")?;
            record(reader)
        }
        7 => {
            reader.take(10, "nonce and key")?;
            let authentication = usize::from(reader.u16("authentication")?);
            reader.take(authentication, "authentication")?;
            reader.take(6, "lifetime and mask")?;
            family(reader)
        }
        8 => packet(reader.rest()),
        _ => Err(Fault::Wrong("message type")),
    }?;
    Reader::require(records > 0 || kind >= 7, "records")
}

/// Lifetime, number of locators, mask, action, version, and the address's family.
fn record(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.take(10, "record")?;
    family(reader)
}

/// IPv4, IPv6, MAC address, LISP's own form or none.
fn family(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let family = reader.u16("address family")?;
    Reader::require(matches!(family, 0..=2 | 16_387 | 16_389), "address family")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            4341,
            &[Opener(
                b"\x80\x124V\0\0\0\x01E\0\0\x14\0\0\0\0@\x01\0\0\xc0\0\x02\x01\xc0\0\
                    \x02\x02",
            )],
            "LISP",
        ),
        Talk::udp(
            4342,
            &[Opener(
                b"0\0\0\x01\x01#Eg\x89\xab\xcd\xef\0\x01\0\x04\0\x11\"3\0\0\x05\xa0\
                    \x01 \x10\0\0\0\0\x01\xc0\0\x02\x01\x01d\0\0\0\x05\0\x01\xc63d\x01",
            )],
            "LISP",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn data_must_be_a_packet() {
        let mut data = [0; 28];
        data[8] = 0x45;
        data[11] = 20;
        assert!(certain(4341, &data) && !certain(4340, &data));
        assert!(!certain(4341, &data[..27]));
        data[8] = 0x55;
        assert!(!certain(4341, &data) && !certain(4342, &data));
    }
}
