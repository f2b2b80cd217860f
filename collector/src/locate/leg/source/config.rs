//! What legs are to be made of, and what is missing for it.

use std::{io, path::PathBuf};

use crate::{
    locate::{
        leg::LegRule,
        own::Way,
        tor::{FileError, user::User},
    },
    network::Network,
};

/// Which host is metered.
#[derive(Clone, Debug)]
pub enum Host {
    /// This one: its addresses and accounts are asked for, and its torrc files found.
    This,
    /// The one of a capture, with these addresses; nothing is known of it but what is told.
    Told(Vec<Network>),
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which host it is about.
    pub host: Host,
    /// The relays' torrc files; none: those that packages put in their places on this host.
    pub torrcs: Vec<PathBuf>,
    /// Folders with consensus files, beside those that torrc files name.
    pub data_dirs: Vec<PathBuf>,
    /// Consensus files.
    pub consensuses: Vec<PathBuf>,
    /// Whom relays run as, beside those that torrc files name and the packages' own.
    pub users: Vec<User>,
    /// Asked before all else; the first that matches wins.
    pub rules: Vec<LegRule>,
    /// Whom to ask for this host's addresses, where no way can be opened any more.
    pub addresses: Option<Way>,
    /// Where this host's files begin: `/`, but in tests.
    pub root: PathBuf,
}

impl Config {
    /// Nothing is told beside which host it is.
    #[must_use]
    pub fn new(host: Host) -> Self {
        Self {
            host,
            torrcs: Vec::new(),
            data_dirs: Vec::new(),
            consensuses: Vec::new(),
            users: Vec::new(),
            rules: Vec::new(),
            addresses: None,
            root: "/".into(),
        }
    }
}

/// Why there is nothing to begin with.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file that was named can't be used.
    #[error("--{flag} {error}")]
    Named {
        /// By which flag.
        flag: &'static str,
        /// What is wrong.
        error: FileError,
    },
    /// A user that was named has no number here.
    #[error("{name} of --{flag} is no account in /etc/passwd; name it by its number")]
    User {
        /// By which flag.
        flag: &'static str,
        /// Its name.
        name: String,
    },
    /// The kernel does not tell the host's addresses.
    #[error("asking the kernel for the host's addresses: {0}")]
    Addresses(#[from] io::Error),
}
