//! The lines of a torrc: tor's manual page, "The Configuration File Format", and `confline.c`.

/// What a line does to the values of its key from a file before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Takes their place.
    Set,
    /// `+Key`: comes behind them.
    Append,
    /// `/Key`: removes them.
    Clear,
}

/// A line that sets something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Where it begins, from 1.
    pub(super) number: u64,
    pub(super) command: Command,
    pub(super) key: String,
    pub(super) value: String,
}

/// Why, and in which line.
pub(super) type Wrong = (u64, &'static str);

/// Takes lines off the front of a text.
pub(super) struct Lines<'a> {
    rest: &'a str,
    number: u64,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self {
            rest: text,
            number: 1,
        }
    }

    /// Takes `bytes` of the text, which end at a character's end.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        self.number += taken.bytes().filter(|byte| *byte == b'\n').count() as u64;
        taken
    }

    fn take_until(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        self.take(self.rest.find(ends).unwrap_or(self.rest.len()))
    }

    /// To the next key; false at the end.
    fn skip_to_key(&mut self) -> bool {
        loop {
            self.take_until(|c| !c.is_ascii_whitespace());
            if !self.rest.starts_with('#') {
                return !self.rest.is_empty();
            }
            self.take_until(|c| c == '\n');
        }
    }

    fn skip_blanks(&mut self) {
        self.take_until(|c| c == '\n' || !c.is_ascii_whitespace());
    }

    fn key(&mut self) -> &'a str {
        let all = self
            .rest
            .find(|c: char| c.is_ascii_whitespace() || c == '#');
        let key = self
            .rest
            .get(..all.unwrap_or(self.rest.len()))
            .unwrap_or_default();
        // A key may be continued on the next line, as a value may.
        let key = if self
            .rest
            .get(key.len()..)
            .unwrap_or_default()
            .starts_with('\n')
        {
            key.strip_suffix('\\').unwrap_or(key)
        } else {
            key
        };
        self.take(key.len())
    }

    fn value(&mut self) -> Result<String, Wrong> {
        self.skip_blanks();
        if self.rest.starts_with('"') {
            return self.quoted();
        }
        Ok(self.plain())
    }

    /// Up to a comment or the line's end; a backslash there continues it, and in what continues it
    /// a comment is left out.
    fn plain(&mut self) -> String {
        let mut value = String::new();
        let mut continued = false;
        loop {
            let part = self.take_until(|c| c == '\n' || c == '#');
            let at_end = self.rest.starts_with('\n');
            if let Some(part) = part.strip_suffix('\\').filter(|_| at_end) {
                value.push_str(part);
                continued = true;
                self.take(1);
                continue;
            }
            value.push_str(part);
            if !continued || at_end || self.rest.is_empty() {
                break;
            }
            self.take_until(|c| c == '\n');
            self.take(1);
        }
        value.trim_ascii().to_owned()
    }

    /// As in C, between quotes; behind it only a comment may stand.
    fn quoted(&mut self) -> Result<String, Wrong> {
        let number = self.number;
        let (value, used) = unescaped(self.rest).map_err(|reason| (number, reason))?;
        self.take(used);
        self.skip_blanks();
        if self.rest.is_empty() || self.rest.starts_with(['\n', '#']) {
            return Ok(value);
        }
        Err((number, "there is more behind the closing quote"))
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Line, Wrong>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.skip_to_key() {
            return None;
        }
        let number = self.number;
        let key = self.key();
        let (command, key) = match key.split_at_checked(1) {
            Some(("+", key)) => (Command::Append, key),
            Some(("/", key)) => (Command::Clear, key),
            _ => (Command::Set, key),
        };
        let value = self.value();
        if value.is_err() {
            self.rest = "";
        }
        Some(value.map(|value| Line {
            number,
            command,
            key: key.to_owned(),
            value,
        }))
    }
}

/// The string that begins with a quote, and how many bytes it takes with both quotes.
fn unescaped(text: &str) -> Result<(String, usize), &'static str> {
    let mut value = Vec::new();
    let mut bytes = text.bytes().enumerate().skip(1);
    loop {
        match bytes.next() {
            Some((at, b'"')) => return Ok((String::from_utf8_lossy(&value).into_owned(), at + 1)),
            None | Some((_, b'\n')) => return Err("a quote is not closed in its line"),
            Some((_, b'\\')) => {
                let rest = bytes.next().map(|(at, _)| text.as_bytes().get(at..));
                let (byte, more) = rest.flatten().and_then(escaped).ok_or("not an escape")?;
                value.push(byte);
                for _ in 0..more {
                    bytes.next();
                }
            }
            Some((_, byte)) => value.push(byte),
        }
    }
}

/// The byte that stands for what follows a backslash, and how many bytes it takes beyond the first.
fn escaped(rest: &[u8]) -> Option<(u8, usize)> {
    let digits = |from: usize, most: usize, radix: u32| {
        let digits = rest.get(from..)?.iter().take(most);
        let digits = digits
            .take_while(|byte| char::from(**byte).is_digit(radix))
            .count();
        let text = str::from_utf8(rest.get(from..from + digits)?).ok()?;
        Some((u8::from_str_radix(text, radix).ok()?, from + digits - 1))
    };
    match rest.first()? {
        b'n' => Some((b'\n', 0)),
        b't' => Some((b'\t', 0)),
        b'r' => Some((b'\r', 0)),
        b'x' | b'X' => digits(1, 2, 16),
        b'0'..=b'7' => digits(0, 3, 8),
        same @ (b'"' | b'\'' | b'\\') => Some((*same, 0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let lines = Lines::of(text).map(|line| line.unwrap());
        lines.map(|line| (line.key, line.value)).collect()
    }

    fn value(text: &str) -> String {
        let mut all = pairs(text);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0).1
    }

    #[test]
    fn comments_blank_lines_and_blanks_around_are_no_part_of_a_value() {
        let text = "# one\r\n\n  Nickname\tTest  # two\r\nORPort 9001\nDirPort";
        let expected = [("Nickname", "Test"), ("ORPort", "9001"), ("DirPort", "")];
        assert_eq!(
            pairs(text),
            expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn a_backslash_at_the_end_continues_a_value_and_comments_in_it_are_left_out() {
        assert_eq!(
            value("ExitPolicy accept *:80,\\\n accept *:443\n"),
            "accept *:80, accept *:443"
        );
        assert_eq!(value("Key one \\\n# between\n two\n"), "one  two");
        assert_eq!(value("Key \\\n  one\n"), "one");
        assert_eq!(value("Key one\\"), "one\\");
    }

    #[test]
    fn a_quoted_value_is_read_as_in_c() {
        assert_eq!(
            value(r#"Key "a # \"b\" \x41\101\t\\" # comment"#),
            "a # \"b\" AA\t\\"
        );
        assert_eq!(value("Key \"é\""), "é");
    }

    #[test]
    fn a_wrong_quotation_is_told_with_its_line() {
        for text in [
            "\nKey \"open\nNext 1",
            "\nKey \"a\" b",
            "\nKey \"\\q\"",
            "\nKey \"\\",
            "\nKey \"\\777\"",
        ] {
            let mut lines = Lines::of(text);
            assert_eq!(lines.next().unwrap().unwrap_err().0, 2, "{text}");
            assert!(lines.next().is_none());
        }
    }

    #[test]
    fn prefixes_say_what_becomes_of_earlier_values() {
        let commands: Vec<_> = Lines::of("ORPort 1\n+ORPort 2\n/ORPort\n+\n")
            .map(|line| line.unwrap().command)
            .collect();
        use Command::{Append, Clear, Set};
        assert_eq!(commands, [Set, Append, Clear, Append]);
    }

    #[test]
    fn lines_are_counted_through_continuations_and_comments() {
        let numbers: Vec<_> = Lines::of("# c\nA 1 \\\n 2\n\nB \\\n# c\n 3\nC 4")
            .map(|line| line.unwrap().number)
            .collect();
        assert_eq!(numbers, [2, 5, 8]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_comes_to_an_end(text in "[ -~\n\t\"\\\\#é]{0,200}") {
            proptest::prop_assert!(Lines::of(&text).count() <= text.len());
        }
    }
}
