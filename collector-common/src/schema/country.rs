//! Where an address is, as records tell it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::fields::Invalid;

/// ISO 3166-1 alpha-2 code, or one of a few words where there is no country to tell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Country([u8; 2]);

/// Words, and the two bytes that stand for each: no code has small letters.
const WORDS: [([u8; 2], &str); 9] = [
    (*b"af", "africa"),
    (*b"an", "antarctica"),
    (*b"as", "asia"),
    (*b"eu", "europe"),
    (*b"na", "north_america"),
    (*b"oc", "oceania"),
    (*b"sa", "south_america"),
    (*b"me", "host"),
    (*b"ot", "other"),
];

impl Country {
    /// `??`: the data has no answer.
    pub const UNKNOWN: Self = Self(*b"??");
    /// `ZZ` (user-assigned in ISO 3166-1, so never a country): private, reserved, multicast or
    /// documentation addresses, which are at no place.
    pub const NOWHERE: Self = Self(*b"ZZ");
    /// An address of the metered host itself.
    pub const HOST: Self = Self(*b"me");
    /// Countries of too few flows.
    pub const OTHER: Self = Self(*b"ot");

    /// From two capital letters, or `??`.
    #[must_use]
    pub fn from_code(code: [u8; 2]) -> Option<Self> {
        let known = code.iter().all(u8::is_ascii_uppercase);
        (known || code == Self::UNKNOWN.0).then_some(Self(code))
    }

    fn word(self) -> Option<&'static str> {
        let known = WORDS.iter().find(|(code, _)| *code == self.0);
        known.map(|(_, word)| *word)
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.0.map(char::from);
        match self.word() {
            Some(word) => f.write_str(word),
            None => write!(f, "{first}{second}"),
        }
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.to_string()
    }
}

impl TryFrom<String> for Country {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let word = WORDS.iter().find(|(_, word)| *word == text);
        let code = || <[u8; 2]>::try_from(text.as_bytes()).ok();
        word.map(|(code, _)| Self(*code))
            .or_else(|| code().and_then(Self::from_code))
            .ok_or(Invalid("a country code"))
    }
}

/// What country data says of an address beside its country.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proxy {
    /// Nothing of the following.
    None,
    /// An anonymous proxy, as other Tor exits are.
    Anonymous,
    /// A satellite provider: its users may be anywhere.
    Satellite,
    /// An anycast address: it is at many places.
    Anycast,
}
