//! What makes legs less sure than they could be.

use std::path::PathBuf;

use jiff::Timestamp;

use super::{
    Host, Source,
    files::{TorrcFile, Wanted},
};
use crate::locate::tor::user::User;

impl Source {
    pub(super) fn unknown_user(&self) -> Option<String> {
        let relays = self.torrcs().filter(|torrc| torrc.is_relay);
        let unknown = |user: &&User| self.accounts.id(user).is_none();
        let user = relays
            .filter_map(|torrc| torrc.user.as_ref())
            .find(unknown)?;
        Some(format!(
            "{user} of a torrc is no account in /etc/passwd: what that relay opens counts as local; \
             say --tor-user with its number"
        ))
    }

    /// Says once what makes legs less sure than they could be.
    pub(super) fn complain(&mut self, now: Timestamp) {
        let is_here = matches!(self.config.host, Host::This);
        // A capture may be as old as its consensus.
        let now = is_here.then_some(now);
        self.torrcs.iter_mut().for_each(TorrcFile::complain);
        let idle = self.idle_folders();
        for place in &mut self.places {
            if !matches!(place.wanted(), Wanted::Folder(folder) if idle.contains(folder)) {
                place.complain(now);
            }
        }
        let no_relay = self.no_relay().filter(|_| is_here);
        self.told[2].hear(no_relay.map(str::to_owned));
        let unknown = self.unknown_user().filter(|_| is_here);
        self.told[3].hear(unknown);
    }

    /// Data directories that only clients have: these may never have run.
    pub(super) fn idle_folders(&self) -> Vec<PathBuf> {
        let clients = self.torrcs().filter(|torrc| !torrc.is_relay);
        clients
            .filter_map(|torrc| torrc.data_directory.clone())
            .collect()
    }

    pub(super) fn no_relay(&self) -> Option<&'static str> {
        let legs = &self.current;
        if !legs.describe().is_empty() {
            return None;
        }
        if legs.tor_users.is_empty() {
            return Some(
                "no tor is found on this host: every TCP connection that it opens counts as exit, \
                 by port; say --torrc FILE or --tor-user USER",
            );
        }
        let asked = self.config.torrcs.is_empty();
        asked.then_some(
            "no torrc of this host has an ORPort: what other relays open counts as inbound; say \
             --torrc FILE",
        )
    }
}
