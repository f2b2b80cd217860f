use std::{fs, net::IpAddr};

use super::{values::KEYS, *};
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
fn tor_runs_as_the_owner_of_its_files_unless_that_is_root() {
    let root = Root::with(&[("data/state", "")]);
    let torrc = format!("DataDirectory {}", root.path("data").display());
    fs::write(root.path("torrc"), torrc).unwrap();
    let mut owner = nix::unistd::geteuid();
    if owner.is_root() {
        assert_eq!(root.read("torrc").unwrap().user, None);
        owner = 4711.into();
        nix::unistd::chown(&root.path("data"), Some(owner), None).unwrap();
    }
    let user = root.read("torrc").unwrap().user;
    assert_eq!(user, Some(User::Id(owner.as_raw())));
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

proptest::proptest! {
    #[test]
    fn no_value_of_any_key_makes_it_panic(
        lines in proptest::collection::vec((0..KEYS.len(), "[ -~é\t]{0,40}|[a-z*]{0,6} ?[\\[\\]0-9:.*,-]{0,20}"), 0..8),
    ) {
        let text: String = lines.iter().map(|(key, value)| format!("{} {value}\n", KEYS[*key])).collect();
        let root = Root::with(&[("torrc", &text)]);
        if let Err(error) = root.read("torrc") {
            proptest::prop_assert!(error.to_string().contains("/torrc:"), "{error}");
        }
    }
}
