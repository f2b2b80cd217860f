//! Traces of a machine or a person in free text: the one rule for what is an address, a host name or
//! a URL in any form. It finds too much rather than too little.
//!
//! Text is cut into runs of letters and digits with gaps between. A rule looks at a run, the few
//! before it and the few behind it, so the time is linear in the text, whatever it holds.
//!
//! Four numbers with dots are an address, but also a version. They are a version behind Firefox' `rv:`
//! and behind `Name/` where [`useragent::is_product`] knows the name (`WhatsApp/2.23.20.76`), where the
//! last of them is zero, as no host's is (`Chrome/126.0.0.0`), and where a part above 255 goes
//! before (`SafariViewService/8613.1.17.0.7`). An address that a client sends in the place of a known
//! product's version thus passes for one; [`super::agent::sanitised`] leaves its first number.
//!
//! Out of reach: an address in fewer than four parts (`93.184.55330`, which reads like a version), an
//! integer that reads as a day (`Foo/20100101`), host names of one label, text in ciphers.

use std::{fmt, ops::Range};

use crate::inspect::useragent;

mod numbers;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trace {
    /// Four bytes in decimal, octal or hexadecimal, in either order, however separated.
    Ipv4,
    /// Groups with colons, or eight and more groups however separated.
    Ipv6,
    /// A hardware address (EUI-48).
    Mac,
    /// Labels with dots of which one is a word; a host with a port; a default name of Windows.
    Host,
    /// A URL, or what begins like one.
    Url,
    /// An address of electronic mail.
    Email,
    /// A long number or a token that names one device: an integer address, an IMEI, a UUID, a hash.
    Identifier,
    /// Characters that may spell any of these: escaped, control or not ASCII.
    Encoded,
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "an IPv4 address",
            Self::Ipv6 => "an IPv6 address",
            Self::Mac => "a hardware address",
            Self::Host => "a host name",
            Self::Url => "a URL",
            Self::Email => "an e-mail address",
            Self::Identifier => "a number that may name a device",
            Self::Encoded => "a character that may hide an address",
        })
    }
}

/// The first trace in `text`.
#[must_use]
pub fn find(text: &str) -> Option<Trace> {
    spans(text).next().map(|(trace, _)| trace)
}

/// All traces in `text` with the bytes that they touch, in the order of their beginnings. A trace
/// may reach farther than its span, which covers what shows that it is one.
pub(super) fn spans(text: &str) -> impl Iterator<Item = (Trace, Range<usize>)> {
    let runs = runs(text);
    (0..runs.len()).filter_map(move |at| {
        let place = Place::of(text, &runs, at)?;
        let (trace, count) = RULES.iter().find_map(|(trace, rule)| {
            let count = rule(&place);
            (count > 0).then_some((*trace, count))
        })?;
        let last = place.nth(count - 1).unwrap_or(place.here);
        Some((trace, place.here.at..last.end()))
    })
}

/// Each rule answers how many runs, from here on, show a trace; 0 is none.
type Rule = fn(&Place<'_>) -> usize;

/// In the order of precedence: a URL holds a host, which may hold an address.
const RULES: &[(Trace, Rule)] = &[
    (Trace::Url, url),
    (Trace::Email, email),
    (Trace::Mac, numbers::mac),
    (Trace::Ipv6, numbers::ipv6),
    (Trace::Ipv4, numbers::ipv4),
    (Trace::Host, host),
    (Trace::Identifier, numbers::identifier),
    (Trace::Encoded, encoded),
];

/// ASCII letters and digits without a break, and what stands before them.
#[derive(Clone, Copy)]
struct Run<'a> {
    gap: &'a str,
    text: &'a str,
    at: usize,
}

impl Run<'_> {
    fn end(&self) -> usize {
        self.at + self.text.len()
    }

    fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    fn is_word(&self) -> bool {
        self.text.len() >= 2 && self.text.bytes().all(|byte| byte.is_ascii_alphabetic())
    }

    fn is_number(&self) -> bool {
        !self.text.is_empty() && self.text.bytes().all(|byte| byte.is_ascii_digit())
    }
}

/// The runs of `text`; the last one is empty and has what stands at the end as its gap.
fn runs(text: &str) -> Vec<Run<'_>> {
    let letter = |c: char| c.is_ascii_alphanumeric();
    let mut runs = Vec::new();
    let mut rest = text;
    while !rest.is_empty() || runs.is_empty() {
        let (gap, behind) = rest.split_at(rest.find(letter).unwrap_or(rest.len()));
        let (run, left) = behind.split_at(behind.find(|c| !letter(c)).unwrap_or(behind.len()));
        runs.push(Run {
            gap,
            text: run,
            at: text.len() - behind.len(),
        });
        rest = left;
    }
    runs
}

/// A run among its neighbours.
struct Place<'a> {
    whole: &'a str,
    before: &'a [Run<'a>],
    here: Run<'a>,
    behind: &'a [Run<'a>],
}

impl<'a> Place<'a> {
    fn of(whole: &'a str, runs: &'a [Run<'a>], at: usize) -> Option<Self> {
        let (before, rest) = runs.split_at_checked(at)?;
        let (here, behind) = rest.split_first()?;
        Some(Self {
            whole,
            before,
            here: *here,
            behind,
        })
    }

    /// This run for 0, the next for 1.
    fn nth(&self, count: usize) -> Option<Run<'a>> {
        match count.checked_sub(1) {
            None => Some(self.here),
            Some(behind) => self.behind.get(behind).copied(),
        }
    }

    /// What stands between this run and the next, and the next.
    fn next(&self) -> (&'a str, Run<'a>) {
        let end = Run {
            gap: "",
            text: "",
            at: self.whole.len(),
        };
        let next = self.behind.first().copied().unwrap_or(end);
        (next.gap, next)
    }

    /// The next run is `word` in brackets: `bob [at] site [dot] org`.
    fn is_before_bracketed(&self, word: &str) -> bool {
        let (gap, next) = self.next();
        let behind = self.nth(2).map_or("", |run| run.gap);
        next.is(word)
            && gap.trim_end().ends_with(['[', '(', '{', '<'])
            && behind.trim_start().starts_with([']', ')', '}', '>'])
    }
}

fn encoded(place: &Place<'_>) -> usize {
    let Run { gap, text, .. } = place.here;
    let strange = |byte: u8| !(b' '..=b'~').contains(&byte) || byte == b'\\';
    let hex = |byte: &u8| byte.is_ascii_hexdigit();
    let percent = gap.ends_with('%') && text.bytes().take(2).filter(hex).count() == 2;
    usize::from(percent || gap.contains("&#") || gap.bytes().any(strange))
}

/// Schemes that are also written without slashes.
const SCHEMES: &[&str] = &[
    "http", "https", "ftp", "ws", "wss", "mailto", "magnet", "data", "file", "sip", "tel", "urn",
];

fn url(place: &Place<'_>) -> usize {
    let Place { here, .. } = place;
    let (gap, _) = place.next();
    let scheme = gap.starts_with(':') && SCHEMES.iter().any(|scheme| here.is(scheme));
    if here.gap.contains("//") || here.gap.contains(":/") {
        1
    } else if scheme || gap == "." && here.is("www") {
        2
    } else {
        0
    }
}

fn email(place: &Place<'_>) -> usize {
    let (gap, _) = place.next();
    if place.here.gap.contains('@') {
        1
    } else if gap.contains('@') {
        2
    } else if place.is_before_bracketed("at") {
        3
    } else {
        0
    }
}

fn host(place: &Place<'_>) -> usize {
    let Place { here, .. } = place;
    let (gap, next) = place.next();
    let shapes = [is_dotted, is_with_port, is_prefixed];
    if here.text.is_empty() {
        0
    } else if here.is("localhost") {
        1
    } else if shapes.iter().any(|shape| shape(here, gap, &next)) {
        2
    } else if place.is_before_bracketed("dot") {
        3
    } else {
        0
    }
}

fn is_dotted(here: &Run<'_>, gap: &str, next: &Run<'_>) -> bool {
    let hidden = ["[.]", "(.)", "{.}", "<.>"];
    hidden.iter().any(|dot| gap.contains(dot))
        || gap.trim_matches(['-', '_']) == "." && next.is_word() && !is_no_host(here, next)
}

/// Endings that are no top-level domains.
const FILES: &[&str] = &["js", "exe", "dll", "jar", "apk", "php", "htm", "html"];
/// Words behind a version's number that are no top-level domains.
const STAGES: &[&str] = &["alpha", "beta", "rc", "final", "release", "snapshot"];
/// What is of `.NET`.
const FRAMEWORKS: &[&str] = &["asp", "ado", "vb"];

fn is_no_host(here: &Run<'_>, next: &Run<'_>) -> bool {
    let among = |words: &[&str], run: &Run<'_>| words.iter().any(|word| run.is(word));
    among(FILES, next)
        || here.is_number() && among(STAGES, next)
        || next.is("net") && among(FRAMEWORKS, here)
}

/// `rv:128` is what Firefox says.
fn is_with_port(here: &Run<'_>, gap: &str, next: &Run<'_>) -> bool {
    gap == ":" && next.is_number() && (2..=5).contains(&next.text.len()) && !here.is("rv")
}

/// A label in Punycode (RFC 3492), or a name that Windows gives to a computer (`DESKTOP-1A2B3C4`).
fn is_prefixed(here: &Run<'_>, gap: &str, next: &Run<'_>) -> bool {
    let given = ["desktop", "laptop", "win"];
    here.is("xn") && gap.starts_with("--")
        || gap == "-" && next.text.len() >= 7 && given.iter().any(|word| here.is(word))
}

#[cfg(test)]
mod tests;
