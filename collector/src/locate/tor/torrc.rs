//! A relay's torrc, as far as it tells whose traffic a flow is (tor's manual page).

mod include;
mod lines;
mod listener;
mod policy;
mod quantity;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use collector_common::schema::Nickname;

use self::{
    include::Setting,
    lines::Command,
    policy::{Base, Deciding},
};
use super::{file::FileError, user::User};
use crate::locate::ip::Ip;

pub use self::{listener::Listener, policy::ExitPolicy};

/// Keys that are read; all others are passed over. Case does not matter.
const KEYS: [&str; 18] = [
    "Nickname",
    "User",
    "DataDirectory",
    "ORPort",
    "DirPort",
    "OutboundBindAddress",
    "OutboundBindAddressExit",
    "OutboundBindAddressOR",
    "GeoIPFile",
    "GeoIPv6File",
    "ExitRelay",
    "ExitPolicy",
    "ReducedExitPolicy",
    "IPv6Exit",
    "BandwidthRate",
    "BandwidthBurst",
    "RelayBandwidthRate",
    "RelayBandwidthBurst",
];

/// Most torrc files that are found by themselves.
const MAX_INSTALLED: usize = 256;

/// What a torrc says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Torrc {
    /// Others speak to it: an `ORPort` is set, be it one that tor chooses itself.
    pub is_relay: bool,
    /// The relay's name.
    pub nickname: Option<Nickname>,
    /// Who tor runs as.
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
            values.layer(include::settings(defaults, is_wanted)?);
        }
        values.layer(include::settings(path, is_wanted)?);
        let mut torrc = values.torrc()?;
        if let Some(packaged) = packaged {
            torrc.user = torrc.user.or(packaged.user);
            torrc.data_directory = torrc.data_directory.or(Some(packaged.data_directory));
        }
        Ok(torrc)
    }
}

fn is_wanted(key: &str) -> bool {
    KEYS.iter().any(|known| known.eq_ignore_ascii_case(key))
}

/// The torrc files below `root` that packages put there: `/etc/tor/torrc`, and that of each
/// instance in `/etc/tor/instances`, sorted.
#[must_use]
pub fn installed(root: &Path) -> Vec<PathBuf> {
    let instances = fs::read_dir(root.join("etc/tor/instances"));
    let mut instances: Vec<_> = instances
        .into_iter()
        .flatten()
        .flatten()
        .take(MAX_INSTALLED)
        .map(|instance| instance.path().join("torrc"))
        .collect();
    instances.sort_unstable();
    let mut found = vec![root.join("etc/tor/torrc")];
    found.append(&mut instances);
    found.retain(|path| path.is_file());
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
                defaults: places.find(|place| place.is_file()),
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

/// Values by key, lower case.
#[derive(Default)]
struct Values(HashMap<String, Vec<Setting>>);

impl Values {
    /// Lays the settings of a file over those before.
    fn layer(&mut self, settings: Vec<Setting>) {
        let mut replaced = Vec::new();
        for setting in settings {
            let key = setting.key.to_ascii_lowercase();
            let values = self.0.entry(key.clone()).or_default();
            let first = !replaced.contains(&key);
            if setting.command == Command::Clear || (setting.command == Command::Set && first) {
                values.clear();
            }
            if first {
                replaced.push(key);
            }
            if setting.command != Command::Clear {
                values.push(setting);
            }
        }
    }

    fn all(&self, key: &str) -> &[Setting] {
        self.0
            .get(&key.to_ascii_lowercase())
            .map_or(&[], Vec::as_slice)
    }

    /// Of a key that has one value: the last.
    fn one<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Result<Option<T>, FileError> {
        let last = self
            .all(key)
            .last()
            .filter(|setting| !setting.value.is_empty());
        last.map(|setting| parse(&setting.value).map_err(|reason| setting.wrong(reason)))
            .transpose()
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        let last = self
            .all(key)
            .last()
            .filter(|setting| !setting.value.is_empty());
        last.map(|setting| setting.value.clone().into())
    }

    fn switch(&self, key: &str) -> Result<Option<bool>, FileError> {
        self.one(key, |value| match value {
            "0" => Ok(Some(false)),
            "1" => Ok(Some(true)),
            "auto" => Ok(None),
            _ => Err("neither 0 nor 1 nor auto"),
        })
        .map(Option::flatten)
    }

    fn listeners(&self, key: &str) -> Result<Vec<Listener>, FileError> {
        let mut listeners = Vec::new();
        for setting in self.all(key) {
            let listener =
                Listener::parse(&setting.value).map_err(|reason| setting.wrong(reason))?;
            listeners.extend(listener);
        }
        Ok(listeners)
    }

    fn outbound(&self) -> Result<Vec<Ip>, FileError> {
        let keys = [
            "OutboundBindAddress",
            "OutboundBindAddressExit",
            "OutboundBindAddressOR",
        ];
        let mut addresses = Vec::new();
        for setting in keys.iter().flat_map(|key| self.all(key)) {
            let address = listener::literal(&setting.value);
            let address = address.ok_or_else(|| setting.wrong("not an IP address"))?;
            if !address.is_unspecified() {
                addresses.push(address.into());
            }
        }
        Ok(addresses)
    }

    fn exit_policy(&self) -> Result<ExitPolicy, FileError> {
        let own = self.all("ExitPolicy");
        let reduced = self.switch("ReducedExitPolicy")? == Some(true);
        // Without a word about exiting, a relay is no exit (tor 0.3.5).
        let spoken = !own.is_empty() || reduced || self.switch("IPv6Exit")? == Some(true);
        let base = match self.switch("ExitRelay")?.unwrap_or(spoken) {
            false => Base::Nothing,
            true if reduced => Base::Reduced,
            true => Base::Default,
        };
        let mut policy = Deciding::default();
        for setting in own {
            policy
                .entries(&setting.value)
                .map_err(|reason| setting.wrong(reason))?;
        }
        Ok(policy.over(base))
    }

    fn least(&self, keys: [&str; 2]) -> Result<Option<u64>, FileError> {
        let mut least = None;
        for key in keys {
            // 0 means that nothing is set.
            let set = self.one(key, quantity::bytes)?.filter(|bytes| *bytes > 0);
            least = [least, set].into_iter().flatten().min();
        }
        Ok(least)
    }

    fn torrc(&self) -> Result<Torrc, FileError> {
        let mut or_ports = self.all("ORPort").iter();
        Ok(Torrc {
            is_relay: or_ports.any(|port| port.value != "0"),
            nickname: self.one("Nickname", |value| {
                value
                    .parse()
                    .map_err(|_| "a nickname has 1 to 19 letters and digits")
            })?,
            user: self.one("User", |value| Ok(value.into()))?,
            data_directory: self.path("DataDirectory"),
            or_ports: self.listeners("ORPort")?,
            dir_ports: self.listeners("DirPort")?,
            outbound: self.outbound()?,
            geoip: self.path("GeoIPFile"),
            geoip6: self.path("GeoIPv6File"),
            exit_policy: self.exit_policy()?,
            bandwidth: Bandwidth {
                rate: self.least(["BandwidthRate", "RelayBandwidthRate"])?,
                burst: self.least(["BandwidthBurst", "RelayBandwidthBurst"])?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::locate::ip::Endpoint;

    struct Root(tempfile::TempDir);

    impl Root {
        fn with(files: &[(&str, &str)]) -> Self {
            let root = Self(tempfile::tempdir().unwrap());
            for (name, text) in files {
                let path = root.path(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            root
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn read(&self, name: &str) -> Result<Torrc, FileError> {
            Torrc::read(&self.path(name), self.0.path())
        }
    }

    fn torrc(text: &str) -> Torrc {
        Root::with(&[("torrc", text)]).read("torrc").unwrap()
    }

    fn error(text: &str) -> String {
        let error = Root::with(&[("torrc", text)]).read("torrc");
        error.unwrap_err().to_string()
    }

    fn ip(text: &str) -> Ip {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn what_a_relay_says_of_itself_is_read_whatever_the_case_of_its_keys() {
        let torrc = torrc(
            "nickname Test1\nUSER tor\nDataDirectory \"/var/lib/my tor\"\nORPort 9001 IPv4Only\n\
             orport [2001:db8::1]:9002\nDirPort 9030\nOutboundBindAddress 192.0.2.1\n\
             OutboundBindAddressExit [2001:db8::2]\nOutboundBindAddressOR 192.0.2.3\n\
             GeoIPFile /a\nGeoIPv6File /b\nContactInfo who\n",
        );
        assert!(torrc.is_relay);
        assert_eq!(torrc.nickname, Some("Test1".parse().unwrap()));
        assert_eq!(torrc.user, Some(User::Name("tor".into())));
        assert_eq!(torrc.data_directory, Some("/var/lib/my tor".into()));
        let ports = |listeners: &[Listener]| -> Vec<_> {
            listeners.iter().map(|listener| listener.port).collect()
        };
        assert_eq!(
            (ports(&torrc.or_ports), ports(&torrc.dir_ports)),
            (vec![9001, 9002], vec![9030])
        );
        let outbound = ["192.0.2.1", "2001:db8::2", "192.0.2.3"].map(ip);
        assert_eq!(torrc.outbound, outbound);
        assert_eq!(
            (torrc.geoip, torrc.geoip6),
            (Some("/a".into()), Some("/b".into()))
        );
    }

    #[test]
    fn a_client_is_no_relay_and_a_port_that_tor_chooses_makes_one() {
        assert!(!torrc("SocksPort 9050\nORPort 0\n").is_relay);
        let auto = torrc("ORPort auto\n");
        assert!(auto.is_relay && auto.or_ports.is_empty());
    }

    #[test]
    fn the_last_value_counts_and_lists_add_up() {
        let torrc = torrc("Nickname a\nORPort 1\nNickname b\n+ORPort 2\nORPort 3\n");
        assert_eq!(torrc.nickname, Some("b".parse().unwrap()));
        assert_eq!(torrc.or_ports.len(), 3);
    }

    #[test]
    fn a_bad_value_is_told_by_file_and_line_and_not_repeated() {
        for line in [
            "ORPort 198.51.100.7:x",
            "Nickname two-words",
            "OutboundBindAddress 198.51.100.777",
            "ExitPolicy allow 198.51.100.7:80",
            "RelayBandwidthRate 198.51.100.7",
            "ExitRelay perhaps",
        ] {
            let error = error(&format!("# first\n{line}\n"));
            assert!(error.contains("/torrc:2: "), "{error}");
            assert!(
                !error.contains("198.51") && !error.contains("words"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_packaged_torrc_stands_on_its_packages_defaults() {
        let root = Root::with(&[
            ("etc/tor/torrc", "ORPort 9001\n/DirPort\n"),
            ("etc/tor/instances/b/torrc", "Nickname second\nORPort 9002"),
            (
                "etc/tor/instances/a/torrc",
                "User other\nDataDirectory /data",
            ),
            ("etc/tor/instances/a/notes", ""),
            (
                "usr/share/tor/tor-service-defaults-torrc",
                "User debian-tor\nORPort 1\nDirPort 2",
            ),
        ]);
        let found = installed(root.0.path());
        let read: Vec<_> = found
            .iter()
            .map(|path| Torrc::read(path, root.0.path()).unwrap())
            .collect();
        let users: Vec<_> = read
            .iter()
            .map(|torrc| torrc.user.clone().unwrap())
            .collect();
        assert_eq!(
            users,
            ["debian-tor", "other", "_tor-b"].map(|name| User::Name(name.into()))
        );
        let folders: Vec<_> = read
            .iter()
            .map(|torrc| torrc.data_directory.clone().unwrap())
            .collect();
        let expected = ["var/lib/tor", "/data", "var/lib/tor-instances/b"];
        assert_eq!(folders, expected.map(|name| root.path(name)));
        let end = |port| Endpoint {
            ip: ip("192.0.2.1"),
            port,
        };
        assert!(
            read[0].or_ports[0].serves(&end(9001)),
            "its own port takes the default's place"
        );
        assert_eq!((read[0].or_ports.len(), read[0].dir_ports.len()), (1, 0));
    }

    #[test]
    fn a_torrc_elsewhere_stands_alone() {
        let root = Root::with(&[("my/torrc", "ORPort 9001")]);
        let torrc = root.read("my/torrc").unwrap();
        assert_eq!((torrc.user, torrc.data_directory), (None, None));
    }

    #[test]
    fn the_smaller_bandwidth_counts_and_0_is_none() {
        let set = torrc("BandwidthRate 2 MB\nRelayBandwidthRate 1 MB\nRelayBandwidthBurst 0");
        assert_eq!(
            set.bandwidth,
            Bandwidth {
                rate: Some(1 << 20),
                burst: None
            }
        );
        assert_eq!(torrc("ORPort 1").bandwidth, Bandwidth::default());
    }

    #[test]
    fn a_relay_is_an_exit_only_if_it_says_so() {
        let policy = |text: &str| torrc(text).exit_policy.to_string();
        assert_eq!(policy("ORPort 1"), "reject 1-65535");
        assert_eq!(
            policy("ExitRelay 0\nExitPolicy accept *:80"),
            "reject 1-65535"
        );
        assert_eq!(policy("ExitPolicy accept *:80,reject *:*"), "accept 80");
        assert!(policy("ExitRelay 1").starts_with("reject 25,119"));
        assert!(policy("IPv6Exit 1").starts_with("reject 25,119"));
        assert!(policy("ReducedExitPolicy 1").starts_with("accept 20-23,43"));
    }
}
