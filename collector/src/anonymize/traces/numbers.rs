//! Traces that are numbers. Groups belong together where the same stands between all of them.

use std::{iter, ops::Range};

use super::{Place, Run, useragent};

/// The next `count` runs, this one first, with what stands between each two of them.
fn groups<'a>(
    place: &'a Place<'_>,
    count: usize,
) -> Option<(&'a str, impl Iterator<Item = &'a str> + Clone)> {
    let behind = place.behind.get(..count.checked_sub(1)?)?;
    let gap = behind.first()?.gap;
    let texts = behind.iter().map(|run| run.text);
    behind
        .iter()
        .all(|run| run.gap == gap)
        .then(|| (gap, iter::once(place.here.text).chain(texts)))
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn behind_0x(text: &str) -> Option<&str> {
    text.strip_prefix("0x").or(text.strip_prefix("0X"))
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

/// `00:1a:2b:3c:4d:5e`, with dashes, or `001a.2b3c.4d5e`, which a version is not.
pub(super) fn mac(place: &Place<'_>) -> usize {
    let of = |count, len, gaps: &[&str]| {
        groups(place, count).is_some_and(|(gap, mut texts)| {
            gaps.contains(&gap) && texts.all(|text| text.len() == len && is_hex(text))
        })
    };
    let here = place.here;
    let no_version = here.text.starts_with('0') || !here.is_number();
    if of(6, 2, &[":", "-"]) {
        6
    } else if of(3, 4, &["."]) && no_version && ipv4(place) == 0 {
        3
    } else {
        0
    }
}

pub(super) fn ipv6(place: &Place<'_>) -> usize {
    let group = |text: &str| text.len() <= 4 && is_hex(text);
    let of = |count, gaps: &[&str]| {
        groups(place, count).is_some_and(|(gap, mut texts)| gaps.contains(&gap) && texts.all(group))
    };
    let here = place.here;
    let (gap, _) = place.next();
    let short = here.gap.ends_with("::") || gap.starts_with("::") && has_digit(here.text);
    if short && group(here.text) {
        1
    } else if of(4, &[":"]) {
        4
    } else if of(8, &["-", "_", "."]) {
        8
    } else {
        0
    }
}

pub(super) fn ipv4(place: &Place<'_>) -> usize {
    let Some((gap, texts)) = groups(place, 4) else {
        return 0;
    };
    // Separators of one character, in brackets at most; a sentence's words stand farther apart.
    let between = (1..=3).contains(&gap.len());
    let bytes = texts.enumerate().map_while(|(nth, text)| byte(nth, text));
    match bytes.collect::<Vec<_>>()[..] {
        // What begins with zero is no host's address (RFC 1122, section 3.2.1.3).
        [1..=255, _, _, last] if between && !is_version(place, gap, last) => 4,
        _ => 0,
    }
}

/// The `nth` of four bytes. Letters may touch the first and the last: `ip1.2.3.4is`.
fn byte(nth: usize, text: &str) -> Option<u8> {
    let letter = |c: char| !c.is_ascii_digit();
    let touched = match nth {
        0 => text.rsplit(letter).next(),
        3 => text.split(letter).next(),
        _ => None,
    };
    value(text).or_else(|| value(touched?))
}

/// A byte as `inet_aton` reads it (decimal, octal behind 0, hexadecimal behind 0x), in decimal with
/// leading zeros, or as two hexadecimal digits.
fn value(text: &str) -> Option<u8> {
    if let Some(hex) = behind_0x(text) {
        return u8::from_str_radix(hex, 16).ok();
    }
    let pair = text.len() == 2 && is_hex(text);
    let octal = text.starts_with('0').then_some(8);
    [Some(10), octal, pair.then_some(16)]
        .into_iter()
        .flatten()
        .find_map(|radix| u8::from_str_radix(text, radix).ok())
}

/// Whether a dotted number whose fourth part is `last` is a version; the module says when.
fn is_version(place: &Place<'_>, gap: &str, last: u8) -> bool {
    let (first, before) = beginning(place);
    let behind = place.nth(4).map_or("", |run| run.gap);
    let round = last == 0 && !behind.starts_with(['/', ':']);
    let named = match first.gap {
        "/" => round || byte(0, first.text).is_none() || is_behind_product(place.whole, first),
        ":" => before.is_some_and(|run| run.is("rv")),
        _ => false,
    };
    named && gap == "."
}

/// The run at which the dotted number begins, and the one before. No version has more than seven
/// parts, so the look back is short.
fn beginning<'a>(place: &Place<'a>) -> (Run<'a>, Option<Run<'a>>) {
    let mut first = place.here;
    let mut before = place.before.iter().rev().copied();
    for run in before.by_ref().take(3) {
        if first.gap != "." {
            return (first, Some(run));
        }
        first = run;
    }
    (first, before.next())
}

/// The longest name of a product that is looked for.
const LONGEST: usize = 40;

fn is_behind_product(whole: &str, version: Run<'_>) -> bool {
    let head = whole.get(..version.at.saturating_sub(1)).unwrap_or("");
    let name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let characters = head.char_indices().rev().take(LONGEST);
    let start = characters.take_while(|(_, c)| name(*c)).last();
    start
        .and_then(|(at, _)| head.get(at..))
        .is_some_and(useragent::is_product)
}

/// Eight digits in a row, but for a day behind a slash (`Gecko/20100101`); eight hexadecimal digits;
/// a long mixture of letters and digits, or of letters; what base64 pads; an integer behind 0x.
pub(super) fn identifier(place: &Place<'_>) -> usize {
    let text = place.here.text;
    let (gap, _) = place.next();
    let digits = text.split(|c: char| !c.is_ascii_digit());
    let found = digits.map(str::len).max() >= Some(8)
        || text.len() >= 8 && is_hex(text) && has_digit(text)
        || text.len() >= 12 && is_mixed(text)
        || text.len() >= 32
        || behind_0x(text).is_some_and(is_hex)
        || !text.is_empty() && gap.starts_with("==");
    usize::from(found && !(place.here.gap == "/" && is_day(text)))
}

/// Digits in two places, letters behind both: no name of a product has that.
fn is_mixed(text: &str) -> bool {
    let letters = text.as_bytes().iter().skip(1);
    let pairs = text.as_bytes().iter().zip(letters);
    let turns =
        pairs.filter(|(digit, letter)| digit.is_ascii_digit() && letter.is_ascii_alphabetic());
    turns.count() >= 2
}

/// Year, month and day of our time in eight digits.
fn is_day(text: &str) -> bool {
    let number = |range: Range<usize>| text.get(range).and_then(|part| part.parse::<u16>().ok());
    let within = |range, low, high| number(range).is_some_and(|n| (low..=high).contains(&n));
    text.len() == 8 && within(0..4, 1990, 2049) && within(4..6, 1, 12) && within(6..8, 1, 31)
}
