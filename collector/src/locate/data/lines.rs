//! Text files, line by line, in bounded memory.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
};

use super::DataError;

/// Longest line that is read, bytes; published files have at most 228.
const MAX_LINE: u64 = 1024;

/// Calls `each` with every line's text, trimmed, until one is wrong.
pub(crate) fn read(
    file: File,
    mut each: impl FnMut(&str) -> Result<(), &'static str>,
) -> Result<(), DataError> {
    let mut input = BufReader::with_capacity(1 << 16, file);
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        if (&mut input).take(MAX_LINE).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        text(&bytes)
            .and_then(&mut each)
            .map_err(|reason| DataError::Line { line, reason })?;
    }
    Ok(())
}

fn text(bytes: &[u8]) -> Result<&str, &'static str> {
    if bytes.len() as u64 == MAX_LINE {
        return Err("longer than 1023 bytes");
    }
    let whole = bytes.strip_suffix(b"\n");
    let line = whole.ok_or("the file ends within this line: it is not whole")?;
    Ok(str::from_utf8(line).map_err(|_| "not text")?.trim())
}

/// The day in `Generated: Mon, 24 Jul 2023 03:33:03 GMT`, which IPFire's files and those made of
/// them carry as a comment.
pub(crate) fn generated(comment: &str) -> Option<jiff::civil::Date> {
    let text = comment.trim().strip_prefix("Generated:")?.trim();
    let at = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).date())
}

/// A country code of data: two capital letters or digits, or `??`.
pub(crate) fn code(text: &str) -> Result<[u8; 2], &'static str> {
    let code = <[u8; 2]>::try_from(text.as_bytes()).ok();
    let known = |code: &[u8; 2]| {
        let plain = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        code.iter().all(plain) || code == b"??"
    };
    code.filter(known)
        .ok_or("not a country code of two capital letters")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn lines(bytes: &[u8]) -> Result<Vec<String>, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let mut lines = Vec::new();
        read(file.reopen().unwrap(), |line| {
            lines.push(line.to_owned());
            Ok(())
        })
        .map_err(|error| error.to_string())?;
        Ok(lines)
    }

    #[test]
    fn lines_come_trimmed_and_a_bad_one_is_named_by_its_number() {
        assert_eq!(lines(b"a b\r\n\n c\n").unwrap(), ["a b", "", "c"]);
        assert_eq!(lines(b"a\n\xff\xfe\n").unwrap_err(), "line 2: not text");
        let long = [&b"a\n"[..], &[b'1'; 5000]].concat();
        assert!(lines(&long).unwrap_err().starts_with("line 2: longer"));
        assert!(
            lines(b"a\nb")
                .unwrap_err()
                .contains("line 2: the file ends")
        );
    }

    #[test]
    fn the_day_is_read_from_the_comment_that_names_it() {
        let day = generated(" Generated: Mon, 24 Jul 2023 03:33:03 GMT");
        assert_eq!(day, Some(jiff::civil::date(2023, 7, 24)));
        assert_eq!(generated("Generated: yesterday"), None);
        assert_eq!(generated("Vendor: IPFire Project"), None);
    }
}
