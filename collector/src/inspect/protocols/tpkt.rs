//! The packets in which TCP carries messages of OSI's (RFC 1006, section 6), and the transport
//! protocol of class 0 in them (ISO 8073, section 13). RDP, S7 and MMS need both; H.323 and Megaco
//! the packets alone.

use crate::inspect::reader::{Fault, Reader};

/// At most this many packets precede the data: a connection is asked for, perhaps again, and
/// confirmed.
const SET_UP: usize = 4;

/// The next packet: how much it holds, and a reader over that.
pub(super) fn packet<'a>(reader: &mut Reader<'a>) -> Result<(usize, Reader<'a>), Fault> {
    reader.magic(b"\x03\0", "TPKT version")?;
    let length = usize::from(reader.u16("TPKT length")?);
    let length = length.checked_sub(4).ok_or(Fault::Wrong("TPKT length"))?;
    Ok((length, reader.part(length, "packet")?))
}

/// What the first packet with data holds.
pub(super) fn data<'a>(reader: &mut Reader<'a>) -> Result<Reader<'a>, Fault> {
    for _ in 0..=SET_UP {
        let (_, mut packet) = packet(reader)?;
        let mut header = packet.part8("COTP header")?;
        match header.u8("COTP type")? {
            // Connection request and confirmation.
            0xe0 | 0xd0 => {}
            0xf0 => return Ok(packet),
            _ => return Err(Fault::Wrong("COTP type")),
        }
    }
    Err(Fault::Wrong("packets"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = b"\x03\0\0\x0b\x06\xe0\0\0\0\x01\0";

    #[test]
    fn data_stand_behind_the_connection_s_set_up() {
        let stream = [REQUEST, b"\x03\0\0\x08\x02\xf0\x80\x32\x03"].concat();
        let data = data(&mut Reader::open(&stream)).unwrap();
        assert_eq!(data.rest(), b"\x32");
    }

    #[test]
    fn a_set_up_alone_is_short_and_other_packets_are_wrong() {
        let judged = |bytes: &[u8]| data(&mut Reader::open(bytes)).map(|_| ());
        assert_eq!(judged(REQUEST), Err(Fault::Short("TPKT version")));
        assert_eq!(
            judged(b"\x03\0\0\x06\x01\x80"),
            Err(Fault::Wrong("COTP type"))
        );
        assert_eq!(judged(&REQUEST.repeat(5)), Err(Fault::Wrong("packets")));
    }
}
