//! Where [`Legs`] come from, and how they follow what changes: torrc files, consensus files,
//! accounts, the host's addresses.

mod files;

use std::{io, path::PathBuf, sync::Arc};

use collector_common::schema::Nickname;
use hashbrown::HashSet;
use jiff::{SignedDuration, Timestamp};

use self::files::{Place, Told, TorrcFile, Wanted};
use super::{LegRule, Legs};
use crate::{
    locate::{
        ip::Ip,
        own::Addresses,
        tor::{
            FileError,
            relays::Relays,
            torrc::{self, Torrc},
            user::{Accounts, User},
        },
        watched::Watched,
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

/// What is known of the network to one relay, or from one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The relay whose folder it is.
    pub relay: Option<Nickname>,
    /// `None`: there is no consensus.
    pub known: Option<Known>,
}

/// A consensus that is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// How many relays it lists.
    pub relays: u32,
    /// Since when it holds.
    pub valid_after: Option<Timestamp>,
    /// From then on tor should have a newer one.
    pub valid_until: Option<Timestamp>,
}

impl Known {
    /// How old it is; `None` where it has no date.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        Some(now.duration_since(self.valid_after?))
    }

    /// Whether tor should have a newer one.
    #[must_use]
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.valid_until.is_some_and(|until| until < now)
    }
}

/// Makes [`Legs`], and others when something changes.
pub struct Source {
    config: Config,
    torrcs: Vec<TorrcFile>,
    places: Vec<Place>,
    passwd: Watched,
    accounts: Accounts,
    addresses: Option<Addresses>,
    own: HashSet<Ip>,
    /// Trouble with addresses or accounts, and with there being no relay.
    told: [Told; 3],
    current: Arc<Legs>,
}

impl Source {
    /// Reads all there is at `now`.
    ///
    /// # Errors
    /// A file or user that was named can't be used, or the kernel does not tell the host's
    /// addresses. What was found by itself may be damaged: that is logged.
    pub fn open(config: Config, now: Timestamp) -> Result<Self, OpenError> {
        let (addresses, own) = match &config.host {
            Host::This => {
                let mut addresses = Addresses::open()?;
                let own = addresses.ask()?;
                (Some(addresses), own)
            }
            Host::Told(networks) => (None, networks.iter().filter_map(Network::host).collect()),
        };
        let mut source = Self {
            torrcs: Vec::new(),
            places: Vec::new(),
            passwd: Watched::new(config.root.join("etc/passwd")),
            accounts: Accounts::default(),
            addresses,
            own,
            told: Default::default(),
            current: Arc::default(),
            config,
        };
        source.look();
        source.check_named()?;
        source.current = Arc::new(source.legs());
        source.complain(now);
        Ok(source)
    }

    /// What is known now.
    #[must_use]
    pub fn current(&self) -> Arc<Legs> {
        self.current.clone()
    }

    /// Looks for changes; true when [`Source::current`] is another. What can't be read is logged
    /// once, and what was read of it before stays in use.
    pub fn refresh(&mut self, now: Timestamp) -> bool {
        let changed = self.look() | self.ask_addresses();
        if changed {
            self.current = Arc::new(self.legs());
        }
        self.complain(now);
        changed
    }

    /// How fresh what is known of the network is, a place each.
    #[must_use]
    pub fn status(&self) -> Vec<Status> {
        let of_place = |place: &Place| Status {
            relay: self.relay_at(place),
            known: place.known(),
        };
        self.places.iter().map(of_place).collect()
    }

    /// tor's own country files, for IPv4 and IPv6, where a torrc names them.
    #[must_use]
    pub fn geoip_files(&self) -> [Option<PathBuf>; 2] {
        let first = |file: fn(&Torrc) -> &Option<PathBuf>| {
            self.torrcs().find_map(|torrc| file(torrc).clone())
        };
        [first(|torrc| &torrc.geoip), first(|torrc| &torrc.geoip6)]
    }

    fn relay_at(&self, place: &Place) -> Option<Nickname> {
        let Wanted::Folder(folder) = place.wanted() else {
            return None;
        };
        let mut torrcs = self.torrcs();
        torrcs
            .find(|torrc| torrc.data_directory.as_ref() == Some(folder))?
            .nickname
    }

    fn torrcs(&self) -> impl Iterator<Item = &Torrc> {
        self.torrcs.iter().filter_map(TorrcFile::torrc)
    }

    /// Reads again what has changed; whether any has.
    fn look(&mut self) -> bool {
        let mut changed = self.look_at_accounts();
        let root = &self.config.root;
        let paths = match &self.config.host {
            Host::This if self.config.torrcs.is_empty() => torrc::installed(root),
            _ => self.config.torrcs.clone(),
        };
        changed |= files::follow(&mut self.torrcs, paths, TorrcFile::path, TorrcFile::new);
        for torrc in &mut self.torrcs {
            changed |= torrc.look(root);
        }
        let places = self.wanted_places();
        changed |= files::follow(&mut self.places, places, Place::wanted, Place::new);
        for place in &mut self.places {
            changed |= place.look();
        }
        changed
    }

    fn look_at_accounts(&mut self) -> bool {
        let is_here = matches!(self.config.host, Host::This);
        if !is_here || !self.passwd.changed() {
            return false;
        }
        match Accounts::read(self.passwd.path()) {
            Ok(accounts) => {
                self.told[0].hear(None);
                std::mem::replace(&mut self.accounts, accounts) != self.accounts
            }
            Err(error) => {
                self.told[0].hear(Some(format!("users are not known by name: {error}")));
                false
            }
        }
    }

    fn wanted_places(&self) -> Vec<Wanted> {
        let of_torrcs = self
            .torrcs()
            .filter_map(|torrc| torrc.data_directory.clone());
        let folders = of_torrcs.chain(self.config.data_dirs.iter().cloned());
        let files = self.config.consensuses.iter().cloned();
        let mut places = Vec::new();
        for place in folders.map(Wanted::Folder).chain(files.map(Wanted::File)) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }

    /// What was named must be there to begin with.
    fn check_named(&mut self) -> Result<(), OpenError> {
        let Config {
            torrcs,
            users,
            rules,
            host,
            ..
        } = &self.config;
        let named = self
            .torrcs
            .iter_mut()
            .filter(|file| torrcs.contains(file.path()));
        if let Some(error) = named.filter_map(TorrcFile::take_error).next() {
            return Err(OpenError::Named {
                flag: "torrc",
                error,
            });
        }
        let named = self
            .places
            .iter_mut()
            .filter(|place| matches!(place.wanted(), Wanted::File(_)));
        if let Some(error) = named.filter_map(Place::take_error).next() {
            return Err(OpenError::Named {
                flag: "consensus",
                error,
            });
        }
        if matches!(host, Host::Told(_)) {
            return Ok(());
        }
        let rules = rules.iter().flat_map(LegRule::users);
        let named = users.iter().map(|user| ("tor-user", user));
        for (flag, user) in named.chain(rules.map(|user| ("leg-rule", user))) {
            if let (User::Name(name), None) = (user, self.accounts.id(user)) {
                let name = name.clone();
                return Err(OpenError::User { flag, name });
            }
        }
        Ok(())
    }

    fn ask_addresses(&mut self) -> bool {
        let Some(addresses) = &mut self.addresses else {
            return false;
        };
        match addresses.ask() {
            Ok(own) => {
                self.told[1].hear(None);
                std::mem::replace(&mut self.own, own) != self.own
            }
            Err(error) => {
                let trouble = format!("the host's addresses may change unseen: {error}");
                self.told[1].hear(Some(trouble));
                false
            }
        }
    }

    fn legs(&self) -> Legs {
        let torrcs: Vec<_> = self.torrcs().cloned().collect();
        let named = torrcs.iter().filter_map(|torrc| torrc.user.as_ref());
        let named = named.chain(&self.config.users);
        let named = named.filter_map(|user| self.accounts.id(user));
        let mut consensuses = Vec::new();
        for consensus in self.places.iter().filter_map(Place::freshest) {
            if !consensuses.contains(consensus) {
                consensuses.push(consensus.clone());
            }
        }
        let rules = self.config.rules.iter();
        Legs {
            own: self.own.clone(),
            rules: rules.map(|rule| rule.resolved(&self.accounts)).collect(),
            relays: Relays::of(&torrcs, &self.accounts),
            tor_users: named.chain(self.accounts.packaged()).collect(),
            consensuses,
        }
    }

    /// Says once what makes legs less sure than they could be.
    fn complain(&mut self, now: Timestamp) {
        let is_here = matches!(self.config.host, Host::This);
        // A capture may be as old as its consensus.
        let now = is_here.then_some(now);
        self.torrcs.iter_mut().for_each(TorrcFile::complain);
        self.places.iter_mut().for_each(|place| place.complain(now));
        let legs = &self.current;
        let none = is_here && legs.tor_users.is_empty() && legs.describe().is_empty();
        let trouble = "no tor is found on this host: every TCP connection that it opens counts as \
                       exit, by port; say --torrc FILE or --tor-user NAME";
        self.told[2].hear(none.then(|| trouble.to_owned()));
    }
}

#[cfg(test)]
mod tests;
