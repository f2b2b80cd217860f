//! Heads of messages as HTTP has them: a first line, fields, an empty line (RFC 9112, section 2).
//!
//! A meter is no party to the exchange: it takes what a lenient peer may, and reads over what is no
//! field.

/// What is here of a head.
pub(super) struct Head<'a> {
    /// Without its end.
    pub(super) first: &'a [u8],
    /// And what stands behind them.
    fields: &'a [u8],
}

impl<'a> Head<'a> {
    /// `None` until the first line is whole. A last line without its end is left out.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (first, fields) = line(bytes)?;
        Some(Self { first, fields })
    }

    /// What stands behind the head; `None` where the head has no end yet. It is sought when asked
    /// for: most first lines are another protocol's.
    pub(super) fn behind(&self) -> Option<&'a [u8]> {
        let mut rest = self.fields;
        loop {
            match line(rest)? {
                ([], behind) => return Some(behind),
                (_, behind) => rest = behind,
            }
        }
    }

    /// The value of the first field of this name, without the spaces around it.
    pub(super) fn field(&self, name: &str) -> Option<&'a [u8]> {
        let named = |field: &&[u8]| field.eq_ignore_ascii_case(name.as_bytes());
        let mut fields = self.fields();
        fields.find_map(|(key, value)| Some(&key).filter(|key| named(key)).map(|_| value))
    }

    /// A field of this name holds `token` in the list that is its value, letters in either case.
    pub(super) fn lists(&self, name: &str, token: &str) -> bool {
        let is = |item: &[u8]| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes());
        self.field(name)
            .is_some_and(|value| value.split(|&byte| byte == b',').any(is))
    }

    /// Names and values, in order.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut rest = self.fields;
        let lines = std::iter::from_fn(move || {
            let (field, behind) = line(rest)?;
            rest = behind;
            Some(field).filter(|field| !field.is_empty())
        });
        lines.filter_map(|field| {
            let colon = field.iter().position(|&byte| byte == b':')?;
            let (name, value) = field.split_at_checked(colon)?;
            Some((name.trim_ascii_end(), value.get(1..)?.trim_ascii()))
        })
    }
}

/// The first line without its end, LF or CR LF, and what stands behind it.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let (line, rest) = bytes.split_at_checked(end)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_at_the_empty_line() {
        let head = Head::read(b"GET / HTTP/1.1\r\nHost : a\r\n\r\nbody: b\r\n").unwrap();
        assert_eq!(head.first, b"GET / HTTP/1.1");
        assert_eq!(head.field("host"), Some(&b"a"[..]));
        assert_eq!(head.field("body"), None);
        assert_eq!(head.behind(), Some(&b"body: b\r\n"[..]));
    }

    #[test]
    fn of_a_head_that_is_cut_the_whole_lines_are_read() {
        assert!(Head::read(b"GET / HTTP/1.1").is_none());
        let head = Head::read(b"GET / HTTP/1.1\nHost: a\nUser-Agent: cu").unwrap();
        assert_eq!(head.field("Host"), Some(&b"a"[..]));
        assert_eq!(head.field("User-Agent"), None);
        assert_eq!(head.behind(), None);
    }

    #[test]
    fn what_is_no_field_is_read_over() {
        let head = Head::read(b"x\r\nno field\r\nwith\0zero: %s\0\r\nb: 2\r\n\r\n").unwrap();
        assert_eq!(head.field("b"), Some(&b"2"[..]));
    }

    #[test]
    fn a_list_is_searched_by_whole_items() {
        let head = Head::read(b"x\r\nUpgrade: h2c, WebSocket\r\n\r\n").unwrap();
        assert!(head.lists("upgrade", "websocket"));
        assert!(!head.lists("upgrade", "socket"));
    }
}
