//! DCE remote procedure calls (The Open Group, C706, chapter 12): connection-oriented over TCP,
//! connectionless over UDP. PROFINET's context manager is told by its interfaces (IEC 61158-6-10).

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("DCERPC"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PROFINET: Label = Label {
    master: "DCERPC",
    app: "PROFINET_IO",
};

/// Of the endpoint mapper.
const MAPPER: u16 = 135;
/// Of both bytes of a datagram's flags.
const RESERVED_FLAGS: u16 = 0x81fd;

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.transport {
        Transport::Tcp if speech.bytes.first() == Some(&b'n') => {
            // Microsoft's server of calls over HTTP (MS-RPCH, section 2.1.2.1).
            Reader::open(speech.bytes).magic(b"ncacn_http/1.0", "greeting")?;
            Ok(Finding::default())
        }
        Transport::Tcp => {
            let little = connection(&mut Reader::open(speech.bytes))?;
            // In the other order most of a header is 0, as in much else.
            Ok(Finding::certain_if(little || speech.on_port(MAPPER)))
        }
        Transport::Udp => datagram(&mut Reader::whole(speech.bytes)),
    }
}

/// The common header of section 12.6.3.1; says whether integers begin with the least significant
/// byte.
fn connection(reader: &mut Reader<'_>) -> Result<bool, Fault> {
    reader.magic(&[5], "version")?;
    Reader::require(reader.u8("minor version")? <= 1, "minor version")?;
    // Request, response, fault, working, bind and its kin, shutdown, cancel, orphaned.
    let kind = reader.u8("type")?;
    Reader::require(matches!(kind, 0 | 2 | 3 | 11..=20), "type")?;
    reader.u8("flags")?;
    let little = integers(reader)?;
    reader.magic(b"\0\0", "reserved bytes")?;
    let mut length = || {
        let length = reader.u16("length")?;
        Ok(if little { length.swap_bytes() } else { length })
    };
    let (fragment, credentials) = (length()?, length()?);
    let fits = fragment >= 16 && credentials <= fragment - 16;
    Reader::require(fits, "lengths")?;
    // The identifier of the call comes last.
    reader.u32("call id")?;
    Ok(little)
}

/// The data representation: says whether integers begin with the least significant byte.
fn integers(reader: &mut Reader<'_>) -> Result<bool, Fault> {
    let integers = reader.u8("integers and characters")?;
    // EBCDIC, in the lower half, is not in use.
    Reader::require(matches!(integers, 0 | 0x10), "integers and characters")?;
    Reader::require(reader.u8("floating point")? <= 3, "floating point")?;
    Ok(integers == 0x10)
}

/// The header of section 12.5.2.3, of 80 bytes.
fn datagram(reader: &mut Reader<'_>) -> Verdict {
    reader.magic(&[4], "version")?;
    Reader::require(reader.u8("type")? <= 10, "type")?;
    let flags = reader.u16("flags")?;
    Reader::require(flags & RESERVED_FLAGS == 0, "flags")?;
    let little = integers(reader)?;
    reader.magic(b"\0", "reserved byte")?;
    reader.take(1 + 16, "serial number and object")?;
    let interface = reader.take(16, "interface")?;
    Reader::require(interface.iter().any(|byte| *byte != 0), "interface")?;
    // Activity, server's boot time, interface version, sequence number, operation, hints.
    reader.take(16 + 4 * 3 + 2 * 3, "call")?;
    let length = reader.u16("length")?;
    let length = if little { length.swap_bytes() } else { length };
    reader.u16("fragment")?;
    let credentials = reader.u8("credentials")? != 0;
    reader.u8("serial number")?;
    let body = reader.rest().len();
    let length = usize::from(length);
    // Credentials stand behind the body.
    let fits = length == body || credentials && length < body;
    Reader::require(fits, "length")?;
    Ok(match is_profinet(interface, little) {
        true => Finding::of(PROFINET),
        false => Finding::certain_if(little),
    })
}

/// `dea0000N-6c97-11d1-8271-00a02442df7d`: device, controller, supervisor, parameter server.
fn is_profinet(interface: &[u8], little: bool) -> bool {
    let (number, node) = match interface {
        [n, 0, 0xa0, 0xde, 0x97, 0x6c, 0xd1, 0x11, node @ ..] if little => (n, node),
        [0xde, 0xa0, 0, n, 0x6c, 0x97, 0x11, 0xd1, node @ ..] if !little => (n, node),
        _ => return false,
    };
    matches!(number, 1..=4) && node == b"\x82\x71\0\xa0\x24\x42\xdf\x7d"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A bind to the endpoint mapper, and a call to a PROFINET device.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            135,
            &[
                Opener(
                    b"\x05\0\x0b\x03\x10\0\0\0\x48\0\0\0\x01\0\0\0\xb8\x10\xb8\x10\0\0\0\0\x01\0\0\0",
                ),
                Responder(
                    b"\x05\0\x0c\x03\x10\0\0\0\x3c\0\0\0\x01\0\0\0\xb8\x10\xb8\x10\x08\x5c\0\0",
                ),
            ],
            "DCERPC",
        ),
        Talk::udp(
            34_964,
            &[Opener(
                b"\x04\0\x20\0\x10\0\0\0\0\0\xa0\xde\x97\x6c\xd1\x11\x82\x71\0\x01\0\x03\x01\x5a\
                \x01\0\xa0\xde\x97\x6c\xd1\x11\x82\x71\0\xa0\x24\x42\xdf\x7d\
                \xbb\xac\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\0\0\0\0\x01\0\0\0\0\0\0\0\
                \0\0\xff\xff\xff\xff\x04\0\0\0\0\0\x01\x02\x03\x04",
            )],
            "DCERPC.PROFINET_IO",
        ),
    ];

    #[test]
    fn the_interfaces_of_profinet_are_known_in_either_byte_order() {
        let little = b"\x02\0\xa0\xde\x97\x6c\xd1\x11\x82\x71\0\xa0\x24\x42\xdf\x7d";
        let big = b"\xde\xa0\0\x02\x6c\x97\x11\xd1\x82\x71\0\xa0\x24\x42\xdf\x7d";
        assert!(is_profinet(little, true) && is_profinet(big, false));
        assert!(!is_profinet(big, true) && !is_profinet(&little[..15], true));
    }

    #[test]
    fn a_datagram_names_an_interface_and_ends_where_its_length_says() {
        let [
            Talk {
                turns: [Opener(call)],
                ..
            },
        ] = &TALKS[1..]
        else {
            panic!("one call");
        };
        assert!(datagram(&mut Reader::whole(call)).is_ok());
        let mut nameless = call.to_vec();
        nameless[24..40].fill(0);
        let judged = datagram(&mut Reader::whole(&nameless)).unwrap_err();
        assert_eq!(judged, Fault::Wrong("interface"));
        let longer = [call, &b"x"[..]].concat();
        let judged = datagram(&mut Reader::whole(&longer)).unwrap_err();
        assert_eq!(judged, Fault::Wrong("length"));
    }

    #[test]
    fn a_header_of_the_other_byte_order_is_certain_on_the_mapper_s_port_only() {
        let header = b"\x05\0\0\x03\0\0\0\0\0\x18\0\0\0\0\0\x01";
        let likely = |port| probe(&Speech::stream(port, header, false)).unwrap().likely;
        assert!(likely(40_000) && !likely(MAPPER));
    }

    #[test]
    fn lengths_that_contradict_each_other_are_not_dcerpc() {
        let header = b"\x05\0\0\x03\x10\0\0\0\x18\0\x10\0\x01\0\0\0";
        let judged = connection(&mut Reader::open(header));
        assert_eq!(judged, Err(Fault::Wrong("lengths")));
        let socks = connection(&mut Reader::open(b"\x05\x01\0"));
        assert!(matches!(socks, Err(Fault::Short(_))));
    }
}
