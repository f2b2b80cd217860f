//! A user agent in words and punctuation, each word with the trace that touches it.

use std::ops::Range;

use crate::{
    anonymize::traces::{self, Trace},
    inspect::useragent,
};

/// A piece of a user agent. White space and quotes only part words.
#[derive(Debug, PartialEq)]
pub(super) enum Token<'a> {
    Word(Word<'a>),
    Open,
    Close,
    Semicolon,
    Comma,
}

impl Token<'_> {
    /// A trace of a host or a person, not only of a device.
    pub(super) fn tells_of_a_host(&self) -> bool {
        matches!(self, Token::Word(word) if word.tells_of_a_host)
    }
}

/// What stands between two pieces of punctuation.
#[derive(Debug, PartialEq)]
pub(super) struct Word<'a> {
    text: &'a str,
    /// The byte of `text` from which on a trace touches it.
    touched: Option<usize>,
    tells_of_a_host: bool,
}

/// What a word may say.
#[derive(Debug, PartialEq)]
pub(super) struct Said<'a> {
    pub(super) name: &'a str,
    /// `/` or `:`, and the major number.
    pub(super) version: Option<(char, &'a str)>,
}

/// All of `text`, in order.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut touches = Touches::of(text);
    let mut tokens = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices().filter(|(_, c)| parts(*c)) {
        tokens.extend(touches.word(text, start..at));
        tokens.extend(punctuation(c));
        start = at + c.len_utf8();
    }
    tokens.extend(touches.word(text, start..text.len()));
    tokens
}

fn parts(c: char) -> bool {
    c.is_ascii_whitespace() || c == '"' || punctuation(c).is_some()
}

fn punctuation(c: char) -> Option<Token<'static>> {
    match c {
        '(' | '[' | '{' => Some(Token::Open),
        ')' | ']' | '}' => Some(Token::Close),
        ';' => Some(Token::Semicolon),
        ',' => Some(Token::Comma),
        _ => None,
    }
}

/// How many of `tokens`, which follow an opening one, belong to its comment; the closing one is the
/// last, where there is one.
pub(super) fn comment_len(tokens: &[Token<'_>]) -> usize {
    let mut depth = 1_usize;
    let end = tokens.iter().position(|token| {
        match token {
            Token::Open => depth += 1,
            Token::Close => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    end.map_or(tokens.len(), |end| end + 1)
}

/// The traces of a text, asked in its order.
struct Touches {
    /// By their beginnings, and so by their ends: one inside another is left out.
    spans: Vec<(Trace, Range<usize>)>,
    /// All before are over.
    next: usize,
}

impl Touches {
    fn of(text: &str) -> Self {
        let mut spans = Vec::new();
        let mut reach = 0;
        for (trace, mut span) in traces::spans(text) {
            // Characters that hide a trace are in no word that may stay.
            if trace == Trace::Encoded || span.end <= reach {
                continue;
            }
            if tells_of_a_host(trace) {
                span.end = end_of_tail(text, span.end);
            }
            reach = span.end;
            spans.push((trace, span));
        }
        Self { spans, next: 0 }
    }

    /// The word at `range` with its first trace; none where it is empty. Ranges come in order.
    fn word<'a>(&mut self, text: &'a str, range: Range<usize>) -> Option<Token<'a>> {
        let word = text.get(range.clone()).filter(|word| !word.is_empty())?;
        let over = |(_, span): &&(Trace, Range<usize>)| span.end <= range.start;
        let spans = self.spans.get(self.next..).unwrap_or_default();
        self.next += spans.iter().take_while(over).count();
        let here = self.spans.get(self.next..).unwrap_or_default().iter();
        let mut here = here
            .take_while(|(_, span)| span.start < range.end)
            .peekable();
        let first = here.peek().map(|(_, span)| span.start);
        Some(Token::Word(Word {
            text: word,
            touched: first.map(|start| start.saturating_sub(range.start)),
            tells_of_a_host: here.any(|(trace, _)| tells_of_a_host(*trace)),
        }))
    }
}

/// Not only of a device.
fn tells_of_a_host(trace: Trace) -> bool {
    !matches!(trace, Trace::Identifier | Trace::Encoded)
}

/// Where a port, a path or a query ends that may follow a host at `end`.
fn end_of_tail(text: &str, end: usize) -> usize {
    let tail = text.get(end..).unwrap_or_default();
    let len = tail.find(|c: char| c.is_ascii_whitespace());
    end + len.unwrap_or(tail.len())
}

impl<'a> Word<'a> {
    /// What may stay of it: its name, and the major number of its version. A trace in the version
    /// takes the version, a trace in the name takes all.
    pub(super) fn said(&self) -> Option<Said<'a>> {
        let (name, version) = self.parts()?;
        let touched = self.touched.is_some_and(|touched| touched <= name.len());
        let plain = is_plain(name) && version.is_none_or(|(_, version)| is_plain(version));
        let name = Some(cut(name)).filter(|name| !name.is_empty() && plain && !touched)?;
        let version = version
            .map(|(mark, version)| (mark, major(version)))
            .filter(|(_, major)| !major.is_empty() && self.touched.is_none());
        Some(Said { name, version })
    }

    /// The name, and the version with what parts it off: `/`, or the colon of Firefox' `rv:`.
    fn parts(&self) -> Option<Parts<'a>> {
        if let Some((name, version)) = self.text.split_once(':') {
            let revision = name.eq_ignore_ascii_case("rv");
            return revision.then_some((name, Some((':', version))));
        }
        match self.text.split_once('/') {
            None => Some((self.text, None)),
            Some((_, tail)) if tail.contains('/') => self.product_in_path(),
            Some((name, version)) => Some((name, Some(('/', version)))),
        }
    }

    /// The known product of a word with two slashes or more, which else reads as a path:
    /// `XiaoMi/MiuiBrowser/14.7.10`, `WhatsApp/2.12.15/i`.
    fn product_in_path(&self) -> Option<Parts<'a>> {
        let mut parts = self.text.split('/');
        let name = parts.find(|part| self.touched.is_none() && useragent::is_product(part))?;
        Some((name, parts.next().map(|version| ('/', version))))
    }
}

/// A name, and a version behind a mark.
type Parts<'a> = (&'a str, Option<(char, &'a str)>);

/// Of nothing but what names and versions are made of.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte))
}

fn is_mark(c: char) -> bool {
    !c.is_ascii_alphanumeric()
}

/// A version's major number: all before the first mark.
fn major(version: &str) -> &str {
    let version = version.trim_start_matches(is_mark);
    version.split(is_mark).next().unwrap_or_default()
}

/// A name without its parts behind a dot, and a number without its minor ones: `NET4` of `.NET4.0C`,
/// `17` of `17_5_1`, all of `x86_64` and `SM-G991B`.
fn cut(name: &str) -> &str {
    let name = name.trim_start_matches(is_mark);
    let name = name.split(['.', '+']).next().unwrap_or_default();
    let minor = name.match_indices(['-', '_']).find(|(at, _)| {
        let (head, tail) = name.split_at(*at);
        let before = head.rsplit(is_mark).next().unwrap_or_default();
        let is_number = !before.is_empty() && before.bytes().all(|byte| byte.is_ascii_digit());
        is_number && tail.as_bytes().get(1).is_some_and(u8::is_ascii_digit)
    });
    let name = minor.map_or(name, |(at, _)| name.get(..at).unwrap_or_default());
    name.trim_end_matches(is_mark)
}
