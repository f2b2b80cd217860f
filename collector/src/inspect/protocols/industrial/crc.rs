//! The check sum of 16 bits that ITU-T V.41 defines (x^16 + x^12 + x^5 + 1).

/// Over `bytes`, from `start`, which protocols choose.
pub(super) fn ccitt(start: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(start, |sum, byte| {
        let mut sum = sum ^ u16::from(*byte) << 8;
        for _ in 0..8 {
            let carry = sum & 0x8000 != 0;
            sum <<= 1;
            if carry {
                sum ^= 0x1021;
            }
        }
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_values_are_those_of_the_catalogues() {
        assert_eq!(ccitt(0, b"123456789"), 0x31c3);
        assert_eq!(ccitt(0xffff, b"123456789"), 0x29b1);
    }
}
