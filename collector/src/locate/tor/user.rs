//! Users by name or number: /etc/passwd, as passwd(5) describes it.

use std::{collections::HashMap, fmt, path::Path};

use super::file::{self, FileError};

/// Longest account file that is read, bytes.
const MAX_FILE: u64 = 4 << 20;

/// A user as torrc or a flag names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum User {
    /// By number.
    Id(u32),
    /// By name.
    Name(String),
}

impl From<&str> for User {
    fn from(text: &str) -> Self {
        text.parse()
            .map_or_else(|_| Self::Name(text.to_owned()), Self::Id)
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "user {id}"),
            Self::Name(name) => write!(f, "user {name}"),
        }
    }
}

/// The host's accounts: names to numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts(HashMap<String, u32>);

impl Accounts {
    /// Reads an account file; lines that are none are passed over, as the system does.
    ///
    /// # Errors
    /// It can't be read, or is longer than 4 MiB.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let bytes = file::read(path, MAX_FILE, "longer than 4 MiB")?;
        Ok(Self::parse(&String::from_utf8_lossy(&bytes)))
    }

    fn parse(text: &str) -> Self {
        let accounts = text.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next().filter(|name| !name.is_empty())?;
            Some((name.to_owned(), fields.nth(1)?.parse().ok()?))
        });
        Self(accounts.collect())
    }

    /// The user's number, where it is known.
    #[must_use]
    pub fn id(&self, user: &User) -> Option<u32> {
        match user {
            User::Id(id) => Some(*id),
            User::Name(name) => self.0.get(name).copied(),
        }
    }

    /// Numbers of the users that Debian's packages run tor as: `debian-tor`, and `_tor-NAME` for
    /// the instance NAME.
    pub fn packaged(&self) -> impl Iterator<Item = u32> {
        let packaged = |name: &str| name == "debian-tor" || name.starts_with("_tor-");
        let accounts = self.0.iter().filter(move |(name, _)| packaged(name));
        accounts.map(|(_, id)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
        debian-tor:x:105:112::/var/lib/tor:/bin/false\n\
        +nis\nbroken:x:many:0\n:x:7:7::/:\n\
        _tor-second:x:106:113::/var/lib/tor-instances/second:/bin/false\n";

    #[test]
    fn a_name_has_the_number_of_its_account_and_a_number_is_itself() {
        let accounts = Accounts::parse(PASSWD);
        let id = |text: &str| accounts.id(&text.into());
        assert_eq!(id("debian-tor"), Some(105));
        assert_eq!(id("4711"), Some(4711));
        for unknown in ["nobody", "+nis", "broken", ""] {
            assert_eq!(id(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn debians_tor_users_are_found_by_their_names() {
        let mut found: Vec<_> = Accounts::parse(PASSWD).packaged().collect();
        found.sort_unstable();
        assert_eq!(found, [105, 106]);
    }
}
