//! The one door to payload bytes: it hands out checked parts only and names what was missing.

use std::fmt;

/// Why a part could not be read. The text names the part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The bytes end before the part does; more of them may complete it.
    Short(&'static str),
    /// The bytes break the protocol's rule; no further byte can mend that.
    Wrong(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(part) => write!(f, "the bytes end within the {part}"),
            Self::Wrong(part) => write!(f, "not a valid {part}"),
        }
    }
}

/// Reads forward over bytes that nobody has checked yet, integers in network byte order.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// How many more bytes may come behind these. An end within a part that they can't complete is
    /// a wrong length, not a short read.
    missing: usize,
}

impl<'a> Reader<'a> {
    /// Over the beginning of something longer.
    pub(crate) fn open(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            missing: usize::MAX,
        }
    }

    /// Over all that there will ever be, as of a datagram: an end within a part is wrong.
    pub(crate) fn whole(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            missing: 0,
        }
    }

    /// Over the first `length` bytes of `bytes`: closed when they are all here.
    pub(crate) fn bounded(bytes: &'a [u8], length: usize) -> Self {
        Self {
            rest: bytes.get(..length).unwrap_or(bytes),
            missing: length.saturating_sub(bytes.len()),
        }
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Nothing is left and nothing will come.
    pub(crate) fn at_end(&self) -> bool {
        self.missing == 0 && self.rest.is_empty()
    }

    /// Why `part` is not among the bytes that are left: none will follow, or it may still come.
    pub(crate) fn short(&self, part: &'static str) -> Fault {
        self.short_of(1, part)
    }

    /// The same where `more` bytes are wanted besides those that are left.
    fn short_of(&self, more: usize, part: &'static str) -> Fault {
        if more > self.missing {
            Fault::Wrong(part)
        } else {
            Fault::Short(part)
        }
    }

    /// The next `length` bytes.
    pub(crate) fn take(&mut self, length: usize, part: &'static str) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or_else(|| self.short_of(length - self.rest.len(), part))?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self, part: &'static str) -> Result<[u8; N], Fault> {
        let (taken, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or_else(|| self.short_of(N - self.rest.len(), part))?;
        self.rest = rest;
        Ok(*taken)
    }

    /// One byte.
    pub(crate) fn u8(&mut self, part: &'static str) -> Result<u8, Fault> {
        self.array::<1>(part).map(u8::from_be_bytes)
    }

    /// Two bytes.
    pub(crate) fn u16(&mut self, part: &'static str) -> Result<u16, Fault> {
        self.array(part).map(u16::from_be_bytes)
    }

    /// Three bytes.
    pub(crate) fn u24(&mut self, part: &'static str) -> Result<u32, Fault> {
        let [a, b, c] = self.array(part)?;
        Ok(u32::from_be_bytes([0, a, b, c]))
    }

    /// Four bytes.
    pub(crate) fn u32(&mut self, part: &'static str) -> Result<u32, Fault> {
        self.array(part).map(u32::from_be_bytes)
    }

    /// Eight bytes.
    pub(crate) fn u64(&mut self, part: &'static str) -> Result<u64, Fault> {
        self.array(part).map(u64::from_be_bytes)
    }

    /// Two bytes, the least significant first.
    pub(crate) fn u16_le(&mut self, part: &'static str) -> Result<u16, Fault> {
        self.array(part).map(u16::from_le_bytes)
    }

    /// Three bytes, the least significant first.
    pub(crate) fn u24_le(&mut self, part: &'static str) -> Result<u32, Fault> {
        let [a, b, c] = self.array(part)?;
        Ok(u32::from_le_bytes([a, b, c, 0]))
    }

    /// Four bytes, the least significant first.
    pub(crate) fn u32_le(&mut self, part: &'static str) -> Result<u32, Fault> {
        self.array(part).map(u32::from_le_bytes)
    }

    /// Eight bytes, the least significant first.
    pub(crate) fn u64_le(&mut self, part: &'static str) -> Result<u64, Fault> {
        self.array(part).map(u64::from_le_bytes)
    }

    /// An integer of 1, 2, 4 or 8 bytes, whose first two bits say how many (RFC 9000, section 16).
    pub(crate) fn variable(&mut self, part: &'static str) -> Result<u64, Fault> {
        let first = self.u8(part)?;
        let mut value = u64::from(first & 0x3f);
        for _ in 1..1 << (first >> 6) {
            value = value << 8 | u64::from(self.u8(part)?);
        }
        Ok(value)
    }

    /// Exactly `pattern`, byte for byte.
    pub(crate) fn magic(&mut self, pattern: &[u8], part: &'static str) -> Result<(), Fault> {
        let present = self.rest.len().min(pattern.len());
        let (taken, rest) = self.rest.split_at(present);
        Self::require(pattern.starts_with(taken), part)?;
        if present < pattern.len() {
            return Err(self.short(part));
        }
        self.rest = rest;
        Ok(())
    }

    /// All bytes have been read.
    pub(crate) fn end(&self, part: &'static str) -> Result<(), Fault> {
        Self::require(self.rest.is_empty(), part)
    }

    /// A reader over the next `length` bytes, or over as many as there are: an end within them is
    /// short where they are not all here, wrong where they are. It never lends more than this
    /// reader may still get.
    pub(crate) fn part(&mut self, length: usize, part: &'static str) -> Result<Reader<'a>, Fault> {
        if length.saturating_sub(self.rest.len()) > self.missing {
            return Err(Fault::Wrong(part));
        }
        let inner = Reader::bounded(self.rest, length);
        self.missing -= inner.missing;
        self.rest = self.rest.get(length..).unwrap_or_default();
        Ok(inner)
    }

    /// [`Reader::part`] behind a length of one byte.
    pub(crate) fn part8(&mut self, part: &'static str) -> Result<Reader<'a>, Fault> {
        let length = usize::from(self.u8(part)?);
        self.part(length, part)
    }

    /// [`Reader::part`] behind a length of two bytes.
    pub(crate) fn part16(&mut self, part: &'static str) -> Result<Reader<'a>, Fault> {
        let length = usize::from(self.u16(part)?);
        self.part(length, part)
    }

    /// Exactly `pattern`, letters in either case.
    pub(crate) fn literal(&mut self, pattern: &[u8], part: &'static str) -> Result<(), Fault> {
        let present = self.rest.len().min(pattern.len());
        let (taken, rest) = self.rest.split_at(present);
        let expected = pattern.get(..present).unwrap_or_default();
        if !taken.eq_ignore_ascii_case(expected) {
            return Err(Fault::Wrong(part));
        }
        if present < pattern.len() {
            return Err(self.short(part));
        }
        self.rest = rest;
        Ok(())
    }

    /// A line of printable ASCII (and tabs) up to LF, of at most `limit` bytes with its end;
    /// without CR and LF.
    pub(crate) fn line(&mut self, limit: usize, part: &'static str) -> Result<&'a [u8], Fault> {
        let within = self.rest.get(..limit).unwrap_or(self.rest);
        let other = |byte: &u8| !(matches!(byte, b'\t' | b' ') || byte.is_ascii_graphic());
        // Most payload that is no text ends the search with its first bytes.
        let end = within.iter().position(other).unwrap_or(within.len());
        let (text, rest) = within.split_at(end);
        let end = match rest {
            [b'\n', ..] => end + 1,
            [b'\r', b'\n', ..] => end + 2,
            [] | [b'\r'] if within.len() < limit => return Err(self.short(part)),
            _ => return Err(Fault::Wrong(part)),
        };
        self.rest = self.rest.get(end..).unwrap_or_default();
        Ok(text)
    }

    /// Printable ASCII of at most `limit` bytes up to a zero byte; without that.
    pub(crate) fn string(&mut self, limit: usize, part: &'static str) -> Result<&'a [u8], Fault> {
        let within = self.rest.get(..=limit).unwrap_or(self.rest);
        let other = |byte: &u8| !(*byte == b' ' || byte.is_ascii_graphic());
        let end = within.iter().position(other).unwrap_or(within.len());
        let (text, rest) = within.split_at(end);
        match rest {
            [0, ..] => {}
            [] if within.len() <= limit => return Err(self.short(part)),
            _ => return Err(Fault::Wrong(part)),
        }
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        Ok(text)
    }

    /// The rule of `part` holds.
    pub(crate) fn require(holds: bool, part: &'static str) -> Result<(), Fault> {
        if holds {
            Ok(())
        } else {
            Err(Fault::Wrong(part))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_in_network_byte_order() {
        let mut reader = Reader::open(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(reader.u8("a"), Ok(1));
        assert_eq!(reader.u16("b"), Ok(0x0203));
        assert_eq!(reader.u24("c"), Ok(0x0004_0506));
        assert_eq!(reader.u32("d"), Ok(0x0708_090a));
        assert_eq!(reader.u8("e"), Err(Fault::Short("e")));
        assert_eq!(Reader::open(&[1; 8]).u64("f"), Ok(0x0101_0101_0101_0101));
    }

    #[test]
    fn integers_of_little_endian_protocols_are_read_the_other_way_round() {
        let mut reader = Reader::open(&[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(reader.u16_le("a"), Ok(0x0201));
        assert_eq!(reader.u24_le("b"), Ok(0x0005_0403));
        assert_eq!(reader.u32_le("c"), Ok(0x0908_0706));
        assert_eq!(reader.u64_le("d"), Err(Fault::Short("d")));
    }

    #[test]
    fn a_magic_number_is_compared_byte_for_byte_and_a_whole_reader_ends() {
        assert_eq!(
            Reader::open(b"ab").magic(b"AB", "x"),
            Err(Fault::Wrong("x"))
        );
        assert_eq!(Reader::open(b"a").magic(b"ab", "x"), Err(Fault::Short("x")));
        let mut whole = Reader::whole(b"ab");
        assert_eq!(whole.magic(b"a", "x"), Ok(()));
        assert_eq!(whole.end("y"), Err(Fault::Wrong("y")));
        assert_eq!(whole.u16("z"), Err(Fault::Wrong("z")));
    }

    #[test]
    fn the_first_two_bits_of_a_variable_integer_give_its_length() {
        // RFC 9000, appendix A.1.
        let read = |bytes| Reader::open(bytes).variable("v");
        assert_eq!(
            read(b"\xc2\x19\x7c\x5e\xff\x14\xe8\x8c"),
            Ok(151_288_809_941_952_652)
        );
        assert_eq!(read(b"\x9d\x7f\x3e\x7d"), Ok(494_878_333));
        assert_eq!(read(b"\x7b\xbd"), Ok(15_293));
        assert_eq!(read(b"\x25"), Ok(37));
        assert_eq!(read(b"\x9d\x7f"), Err(Fault::Short("v")));
    }

    #[test]
    fn a_part_that_is_not_all_here_is_short_and_a_part_that_overruns_its_parent_is_wrong() {
        let mut reader = Reader::open(&[4, 1, 2]);
        let mut cut = reader.part8("list").unwrap();
        assert_eq!(cut.take(3, "item"), Err(Fault::Short("item")));

        let mut whole = Reader::bounded(&[4, 1, 2], 3);
        assert!(
            whole
                .part8("list")
                .is_err_and(|f| f == Fault::Wrong("list"))
        );
    }

    #[test]
    fn a_part_that_will_overrun_its_parent_is_wrong_before_the_parent_is_all_here() {
        let mut outer = Reader::open(&[4, 9]).part8("outer").unwrap();
        let inner = outer.part8("inner");
        assert!(inner.is_err_and(|fault| fault == Fault::Wrong("inner")));
        let mut outer = Reader::open(&[4, 3, 1]).part8("outer").unwrap();
        let mut inner = outer.part8("inner").unwrap();
        assert_eq!(inner.take(3, "item"), Err(Fault::Short("item")));
        assert_eq!(inner.take(4, "item"), Err(Fault::Wrong("item")));
        assert!(outer.at_end());
    }

    #[test]
    fn a_closed_part_names_the_item_that_does_not_fit() {
        let mut reader = Reader::open(&[2, 1, 2, 3]);
        let mut part = reader.part8("list").unwrap();
        assert_eq!(part.u24("item"), Err(Fault::Wrong("item")));
        assert_eq!(reader.u8("next"), Ok(3));
        assert_eq!(Fault::Wrong("item").to_string(), "not a valid item");
    }

    #[test]
    fn a_literal_is_short_as_long_as_it_agrees() {
        assert_eq!(
            Reader::open(b"SS").literal(b"SSH-", "x"),
            Err(Fault::Short("x"))
        );
        assert_eq!(
            Reader::open(b"SX").literal(b"SSH-", "x"),
            Err(Fault::Wrong("x"))
        );
        assert_eq!(Reader::open(b"ssh-2").literal(b"SSH-", "x"), Ok(()));
    }

    #[test]
    fn a_line_ends_at_lf_holds_only_text_and_has_a_limit() {
        let mut reader = Reader::open(b"220 ready\r\nEHLO");
        assert_eq!(reader.line(64, "line"), Ok(&b"220 ready"[..]));
        assert_eq!(reader.line(64, "line"), Err(Fault::Short("line")));
        assert_eq!(reader.line(4, "line"), Err(Fault::Wrong("line")));
        for wrong in [&b"a\0b\n"[..], b"a\rb\n", b"a\r\r\n", b"\xff"] {
            assert_eq!(Reader::open(wrong).line(64, "l"), Err(Fault::Wrong("l")));
        }
        assert_eq!(Reader::open(b"a\r").line(3, "l"), Err(Fault::Short("l")));
        assert_eq!(Reader::open(b"a\r").line(2, "l"), Err(Fault::Wrong("l")));
        assert_eq!(Reader::whole(b"a").line(64, "l"), Err(Fault::Wrong("l")));
    }

    #[test]
    fn a_string_ends_at_a_zero_byte_and_has_a_limit() {
        let mut reader = Reader::open(b"two words\0\0next");
        assert_eq!(reader.string(9, "s"), Ok(&b"two words"[..]));
        assert_eq!(reader.string(9, "s"), Ok(&b""[..]));
        assert_eq!(reader.string(9, "s"), Err(Fault::Short("s")));
        assert_eq!(reader.string(3, "s"), Err(Fault::Wrong("s")));
        assert_eq!(
            Reader::open(b"a\n\0").string(9, "s"),
            Err(Fault::Wrong("s"))
        );
    }
}
