//! Where [`Legs`] come from, and how they follow what changes: torrc files, consensus files,
//! accounts, the host's addresses.

mod config;
mod files;
mod status;
mod trouble;

use std::{path::PathBuf, sync::Arc};

use collector_common::schema::Nickname;
use hashbrown::HashSet;
use jiff::Timestamp;

use self::files::{Place, Told, TorrcFile, Wanted};
pub use self::{
    config::{Config, Host, OpenError},
    status::{Known, Status},
};
use super::{LegRule, Legs};
use crate::{
    locate::{
        ip::Ip,
        own::Way,
        tor::{
            relays::Relays,
            torrc::{self, Torrc},
            user::{Accounts, User},
        },
        watched::Watched,
    },
    network::Network,
};

/// Makes [`Legs`], and others when something changes.
pub struct Source {
    config: Config,
    torrcs: Vec<TorrcFile>,
    places: Vec<Place>,
    passwd: Watched,
    accounts: Accounts,
    addresses: Option<Way>,
    own: HashSet<Ip>,
    /// Trouble with accounts, with addresses, with there being no relay, and with a relay's user.
    told: [Told; 4],
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
                let given = config.addresses.clone();
                let addresses = given.map_or_else(Way::open, Ok)?;
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

    /// Takes other users and rules.
    ///
    /// # Errors
    /// One names a user whom nobody knows: then those before hold.
    pub fn set_rules(&mut self, users: Vec<User>, rules: Vec<LegRule>) -> Result<(), OpenError> {
        let users = std::mem::replace(&mut self.config.users, users);
        let rules = std::mem::replace(&mut self.config.rules, rules);
        if let Err(error) = self.check_users() {
            (self.config.users, self.config.rules) = (users, rules);
            return Err(error);
        }
        self.current = Arc::new(self.legs());
        Ok(())
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
        let torrcs = &self.config.torrcs;
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
        self.check_users()
    }

    fn check_users(&self) -> Result<(), OpenError> {
        let Config {
            users, rules, host, ..
        } = &self.config;
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
        let Some(addresses) = &self.addresses else {
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
}

#[cfg(test)]
mod tests;
