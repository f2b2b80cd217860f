//! Names of relays.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::fields::Invalid;

/// Longest nickname (torrc's `Nickname`, tor's manual page).
const LONGEST: usize = 19;

/// A relay's nickname: 1 to 19 letters and digits. It is public, in the consensus.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Nickname {
    /// What is not used is zero.
    text: [u8; LONGEST],
    length: u8,
}

impl Nickname {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let used = self.text.get(..self.length.into()).unwrap_or_default();
        // Only letters and digits came in.
        str::from_utf8(used).unwrap_or_default()
    }
}

impl FromStr for Nickname {
    type Err = Invalid;

    fn from_str(name: &str) -> Result<Self, Invalid> {
        let wrong = Invalid("a nickname of 1 to 19 letters and digits");
        let fits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let mut text = [0; LONGEST];
        let room = text.get_mut(..name.len()).filter(|_| fits).ok_or(wrong)?;
        room.copy_from_slice(name.as_bytes());
        Ok(Self {
            text,
            length: name.len() as u8,
        })
    }
}

impl fmt::Display for Nickname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Nickname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl From<Nickname> for String {
    fn from(name: Nickname) -> Self {
        name.as_str().to_owned()
    }
}

impl TryFrom<String> for Nickname {
    type Error = Invalid;

    fn try_from(name: String) -> Result<Self, Invalid> {
        name.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nickname_comes_back_as_it_went_in() {
        for name in ["a", "Unnamed", "0123456789abcdefGHI"] {
            assert_eq!(name.parse::<Nickname>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn what_tor_would_refuse_is_no_nickname() {
        for name in ["", "two words", "dash-ed", "0123456789abcdefGHIj", "é"] {
            assert!(name.parse::<Nickname>().is_err(), "{name}");
        }
    }
}
