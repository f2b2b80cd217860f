//! A relay's torrc, as far as it tells whose traffic a flow is (tor's manual page).

pub(crate) mod fuzz;
mod include;
mod lines;
mod listener;
mod policy;
mod quantity;
mod values;

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use collector_common::schema::Nickname;

use self::values::Values;
use super::{file::FileError, user::User};
use crate::{locate::ip::Ip, rights::files};

pub use self::{listener::Listener, policy::ExitPolicy};

/// What a torrc says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Torrc {
    /// Others speak to it: an `ORPort` is set, be it one that tor chooses itself.
    pub is_relay: bool,
    /// The relay's name.
    pub nickname: Option<Nickname>,
    /// Who tor runs as; where nothing says so, whose its files are.
    pub user: Option<User>,
    /// Where its files are.
    pub data_directory: Option<PathBuf>,
    /// For other relays and clients.
    pub or_ports: Vec<Listener>,
    /// For directory requests.
    pub dir_ports: Vec<Listener>,
    /// Addresses that it opens connections from.
    pub outbound: Vec<Ip>,
    /// Country data for IPv4 that tor uses.
    pub geoip: Option<PathBuf>,
    /// The same for IPv6.
    pub geoip6: Option<PathBuf>,
    /// What it lets out.
    pub exit_policy: ExitPolicy,
    /// What it gives to the network.
    pub bandwidth: Bandwidth,
}

/// Bytes a second, the smaller of what `RelayBandwidth…` and `Bandwidth…` allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bandwidth {
    /// On average; `None`: nothing is set, and tor's default of 1 GiB holds.
    pub rate: Option<u64>,
    /// At most.
    pub burst: Option<u64>,
}

impl Torrc {
    /// Reads the torrc at `path` of the system below `root`, `/` but in tests. For a torrc in its
    /// packaged place, what tor's packages set beforehand holds.
    ///
    /// # Errors
    /// It, or what it includes, can't be read or is none.
    pub fn read(path: &Path, root: &Path) -> Result<Self, FileError> {
        let mut values = Values::default();
        let packaged = Packaged::of(path, root);
        if let Some(defaults) = packaged
            .as_ref()
            .and_then(|packaged| packaged.defaults.as_ref())
        {
            values.layer(include::settings(defaults, values::is_wanted)?);
        }
        values.layer(include::settings(path, values::is_wanted)?);
        let mut torrc = values.torrc()?;
        if let Some(packaged) = packaged {
            torrc.user = torrc.user.or(packaged.user);
            torrc.data_directory = torrc.data_directory.or(Some(packaged.data_directory));
        }
        let folder = torrc.data_directory.as_deref();
        torrc.user = torrc.user.or_else(|| owner(folder?));
        Ok(torrc)
    }
}

/// tor runs only as the owner of its data directory. One of root's is mostly none of a relay, and
/// would make all of root's traffic that of one.
fn owner(folder: &Path) -> Option<User> {
    let owner = files::metadata(folder).ok()?.uid();
    (owner != 0).then_some(User::Id(owner))
}

/// The torrc files below `root` that packages put there: `/etc/tor/torrc`, and that of each
/// instance in `/etc/tor/instances`, sorted.
#[must_use]
pub fn installed(root: &Path) -> Vec<PathBuf> {
    let folder = root.join("etc/tor/instances");
    let mut instances: Vec<_> = files::names(&folder)
        .into_iter()
        .flatten()
        .map(|instance| folder.join(instance).join("torrc"))
        .collect();
    instances.sort_unstable();
    let mut found = vec![root.join("etc/tor/torrc")];
    found.append(&mut instances);
    found.retain(|path| files::is_file(path));
    found
}

/// What packages set for a torrc in its place.
struct Packaged {
    defaults: Option<PathBuf>,
    user: Option<User>,
    data_directory: PathBuf,
}

impl Packaged {
    fn of(path: &Path, root: &Path) -> Option<Self> {
        if path == root.join("etc/tor/torrc") {
            // Debian's and Fedora's.
            let places = ["tor-service-defaults-torrc", "defaults-torrc"];
            let mut places = places
                .map(|name| root.join("usr/share/tor").join(name))
                .into_iter();
            return Some(Self {
                defaults: places.find(|place| files::is_file(place)),
                user: None,
                data_directory: root.join("var/lib/tor"),
            });
        }
        let instance = path.strip_prefix(root.join("etc/tor/instances")).ok()?;
        let name = instance.parent()?.to_str()?;
        Some(Self {
            defaults: None,
            user: Some(User::Name(format!("_tor-{name}"))),
            data_directory: root.join("var/lib/tor-instances").join(name),
        })
    }
}

#[cfg(test)]
mod tests;
