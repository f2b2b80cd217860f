//! Numbers of seven bits a byte, the least significant first; the top bit says that another byte
//! follows (Protocol Buffers documentation, "Encoding"; OASIS MQTT Version 5.0, section 1.5.5).

use crate::inspect::reader::{Fault, Reader};

/// A number of at most `most` bytes; ten hold any of 64 bits.
pub(super) fn varint(reader: &mut Reader<'_>, most: u32, part: &'static str) -> Result<u64, Fault> {
    let mut value = 0;
    for place in 0..most {
        let byte = reader.u8(part)?;
        value |= u64::from(byte & 0x7f).wrapping_shl(7 * place);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Fault::Wrong(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_ends_with_the_byte_whose_top_bit_is_clear() {
        let read = |bytes, most| varint(&mut Reader::open(bytes), most, "number");
        assert_eq!(read(b"\x7f\x01", 4), Ok(127));
        assert_eq!(read(b"\x96\x01", 4), Ok(150));
        assert_eq!(
            read(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10),
            Ok(u64::MAX)
        );
        assert_eq!(read(b"\x80\x80", 4), Err(Fault::Short("number")));
        assert_eq!(read(b"\x80\x80\x01", 2), Err(Fault::Wrong("number")));
    }
}
