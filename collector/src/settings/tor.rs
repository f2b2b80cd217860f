//! Settings of what tells legs.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde::Deserialize;

use crate::{
    locate::{
        leg::{Config, Host},
        tor::user::User,
    },
    rights::opener::{self, Readable},
};

/// Flags that tell where tor's files are and what is whose; keys of the configuration file, too.
#[derive(Args, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Tor {
    /// A relay's torrc; repeatable [default of run: /etc/tor/torrc and those of
    /// /etc/tor/instances; of replay: none]
    #[arg(long, value_name = "FILE")]
    pub(super) torrc: Vec<PathBuf>,
    /// A relay's data directory, with its cached consensus, beside those that torrc files name;
    /// repeatable
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: Vec<PathBuf>,
    /// A file of tor's consensus, for captures and odd set-ups; repeatable
    #[arg(long, value_name = "FILE")]
    pub(super) consensus: Vec<PathBuf>,
    /// Name or number of a user whose connections are a relay's, beside the User of torrc files,
    /// debian-tor and _tor-*; repeatable
    #[arg(long, value_name = "USER")]
    pub(super) tor_user: Vec<String>,
    /// Whose traffic it is, before all other rules; repeatable, the first that fits wins; as in
    /// local:out,user=backup, exit:tcp,user=1000, local:port=8080 or or:peer=192.0.2.0/24:9001.
    /// Legs: exit, or, dir, dns, inbound, local. Conditions: tcp, udp, out, in, user=USER,
    /// port=N[-M] (that was spoken to), host=PREFIX[:PORT], peer=PREFIX[:PORT]
    #[arg(long, value_name = "LEG:CONDITION,…")]
    pub(super) leg_rule: Vec<String>,
}

impl Tor {
    /// Where `flags` are silent, these speak.
    #[must_use]
    pub fn under(self, flags: Self) -> Self {
        let either = super::either::<PathBuf>;
        Self {
            torrc: either(flags.torrc, self.torrc),
            data_dir: either(flags.data_dir, self.data_dir),
            consensus: either(flags.consensus, self.consensus),
            tor_user: super::either(flags.tor_user, self.tor_user),
            leg_rule: [flags.leg_rule, self.leg_rule].concat(),
        }
    }

    /// The files that are named here.
    pub(super) fn readable(&self) -> Vec<Readable> {
        let torrcs = self.torrc.iter().flat_map(|path| opener::torrc(path));
        let folders = self.data_dir.iter().cloned().map(Readable::Data);
        let consensuses = opener::files(&self.consensus);
        torrcs.chain(folders).chain(consensuses).collect()
    }

    /// What legs of `host` are made of.
    ///
    /// # Errors
    /// A rule that is none.
    pub fn config(&self, host: Host) -> anyhow::Result<Config> {
        let rules = self.leg_rule.iter().map(|rule| rule.parse());
        let users = self.tor_user.iter().map(|user| User::from(user.as_str()));
        Ok(Config {
            torrcs: self.torrc.clone(),
            data_dirs: self.data_dir.clone(),
            consensuses: self.consensus.clone(),
            users: users.collect(),
            rules: rules
                .collect::<anyhow::Result<_>>()
                .context("in --leg-rule")?,
            ..Config::new(host)
        })
    }
}
