//! What level `thesis` may say of a user agent: the names of products and their major versions.
//!
//! The text is not searched for what must go; it is rebuilt from what may stay. Words of ASCII
//! letters, digits, `-` and `_`, each with at most one version behind `/` (or `rv:`), cut to its
//! major number; parentheses, semicolons and commas as in the original. So nothing dotted, escaped
//! or addressed is left, and [`traces::find`] finds nothing in the result.
//!
//! A word that a trace touches is left out. In a comment that holds a host, a URL or an address, only
//! products that [`useragent::is_product`] knows stay: the rest of such a comment tells of its host.

mod known;
mod rebuilt;
mod words;

use zeroize::Zeroize;

use super::traces;
use crate::inspect::useragent;
pub use known::Agents;
pub use rebuilt::LONGEST;
use rebuilt::Rebuilt;
use words::{Said, Token};

/// Bytes that are looked at: far more than any browser sends.
const LONGEST_RAW: usize = 1024;

/// Words of a comment that say nothing of anybody.
const NEUTRAL: &[&str] = &["compatible", "KHTML", "like", "Gecko"];

/// `raw` as it may be published: at most 200 printable ASCII characters. `None` where nothing is
/// left, or where what is left still reads as an address (numbers that came to stand together).
/// Sanitising twice changes nothing.
#[must_use]
pub fn sanitised(raw: &str) -> Option<String> {
    let tokens = words::tokens(beginning(raw));
    let mut rebuilt = Rebuilt::default();
    let mut rest = tokens.as_slice();
    while let Some((first, behind)) = rest.split_first() {
        if *first == Token::Open {
            let (comment, left) = behind.split_at(words::comment_len(behind));
            rebuild_comment(&mut rebuilt, comment);
            rest = left;
        } else {
            rebuild(&mut rebuilt, first, false);
            rest = behind;
        }
    }
    let mut text = rebuilt.finish();
    let clean = !text.is_empty() && traces::find(&text).is_none();
    if !clean {
        text.zeroize();
    }
    clean.then_some(text)
}

/// The longest beginning of `raw` that is looked at and cuts no word.
fn beginning(raw: &str) -> &str {
    if raw.len() <= LONGEST_RAW {
        return raw;
    }
    let end = raw.floor_char_boundary(LONGEST_RAW);
    let (head, _) = raw.split_at(end);
    head.rsplit_once(' ').map_or("", |(whole, _)| whole)
}

fn rebuild_comment(rebuilt: &mut Rebuilt, comment: &[Token<'_>]) {
    let strict = comment.iter().any(Token::tells_of_a_host);
    rebuilt.open();
    for token in comment {
        match token {
            // Comments within a comment become its parts.
            Token::Open | Token::Close => rebuilt.separate("; "),
            token => rebuild(rebuilt, token, strict),
        }
    }
    rebuilt.close();
}

fn rebuild(rebuilt: &mut Rebuilt, token: &Token<'_>, strict: bool) {
    match token {
        Token::Word(word) => {
            let said = word.said();
            if let Some(said) = if strict { said.and_then(known) } else { said } {
                rebuilt.word(&said);
            }
        }
        Token::Semicolon => rebuilt.separate("; "),
        Token::Comma => rebuilt.separate(", "),
        // One that closes nothing.
        Token::Open | Token::Close => {}
    }
}

/// A product of the table, with its version if that is a number.
fn known(said: Said<'_>) -> Option<Said<'_>> {
    let neutral = NEUTRAL
        .iter()
        .any(|word| word.eq_ignore_ascii_case(said.name));
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let version = said
        .version
        .filter(|(_, major)| number(major.trim_start_matches('v')));
    (neutral || useragent::is_product(said.name)).then_some(Said { version, ..said })
}

#[cfg(test)]
mod tests;
