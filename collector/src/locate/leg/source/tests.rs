use std::{fs, net::IpAddr};

use jiff::SignedDuration;
use tempfile::TempDir;

use super::*;
use crate::locate::ip::Endpoint;

const CONSENSUS: &str = "valid-after 2026-11-22 15:00:00\nvalid-until 2026-11-22 18:00:00\n\
    r other i 2026-11-22 15:00:00 192.0.2.21 9001 0\n";
const LATER: &str = "valid-after 2026-11-22 16:00:00\nvalid-until 2026-11-22 19:00:00\n\
    r other i 2026-11-22 15:00:00 192.0.2.22 9001 0\nr more i d t 192.0.2.23 9001 0\n";

/// The files of a host.
struct Files(TempDir);

impl Files {
    fn of_a_relay() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write(
            "etc/passwd",
            "debian-tor:x:105:112::/var/lib/tor:/bin/false\n",
        );
        files.write("etc/tor/torrc", "Nickname first\nORPort 9001\n");
        files.write("var/lib/tor/cached-microdesc-consensus", CONSENSUS);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn config(&self) -> Config {
        Config {
            root: self.0.path().to_owned(),
            ..Config::new(Host::This)
        }
    }

    fn open(&self) -> Source {
        Source::open(self.config(), now()).unwrap()
    }
}

fn now() -> Timestamp {
    "2026-11-22T17:30:00Z".parse().unwrap()
}

fn relays(source: &Source) -> Vec<Option<u32>> {
    let status = source.status().into_iter();
    status
        .map(|place| place.known.map(|known| known.relays))
        .collect()
}

#[test]
fn a_packaged_relay_is_found_with_its_user_and_its_consensus() {
    let source = Files::of_a_relay().open();
    let legs = source.current();
    assert_eq!(legs.nickname(), "first".parse().ok());
    assert!(legs.tor_users.contains(&105));
    let status = source.status();
    assert_eq!(status[0].relay, "first".parse().ok());
    let known = status[0].known.unwrap();
    assert_eq!(known.age(now()), Some(SignedDuration::from_mins(150)));
    assert!(!known.is_stale(now()));
    assert!(known.is_stale("2026-11-22T18:00:01Z".parse().unwrap()));
}

#[test]
fn legs_are_the_same_until_something_changes() {
    let files = Files::of_a_relay();
    let mut source = files.open();
    let before = source.current();
    assert!(!source.refresh(now()));
    assert!(Arc::ptr_eq(&before, &source.current()));
    files.write("var/lib/tor/cached-microdesc-consensus", LATER);
    assert!(source.refresh(now()));
    assert_eq!(relays(&source), [Some(2)]);
    assert!(!source.refresh(now()));
}

#[test]
fn of_two_flavours_the_fresher_counts() {
    let files = Files::of_a_relay();
    files.write("var/lib/tor/cached-consensus", LATER);
    assert_eq!(relays(&files.open()), [Some(2)]);
    files.write("var/lib/tor/cached-consensus", CONSENSUS);
    files.write("var/lib/tor/cached-microdesc-consensus", LATER);
    assert_eq!(relays(&files.open()), [Some(2)]);
}

#[test]
fn a_damaged_consensus_leaves_the_one_before_in_use() {
    let files = Files::of_a_relay();
    let mut source = files.open();
    for damage in ["", "r broken\n"] {
        files.write("var/lib/tor/cached-microdesc-consensus", damage);
        assert!(!source.refresh(now()));
        assert_eq!(relays(&source), [Some(1)]);
    }
    fs::remove_file(files.path("var/lib/tor/cached-microdesc-consensus")).unwrap();
    source.refresh(now());
    assert_eq!(relays(&source), [Some(1)]);
    files.write("var/lib/tor/cached-microdesc-consensus", LATER);
    assert!(source.refresh(now()));
    assert_eq!(relays(&source), [Some(2)]);
}

#[test]
fn instances_come_and_go_and_share_what_they_know_of_the_network() {
    let files = Files::of_a_relay();
    let mut source = files.open();
    files.write(
        "etc/tor/instances/b/torrc",
        "Nickname second\nORPort 9002\n",
    );
    files.write("var/lib/tor-instances/b/cached-consensus", CONSENSUS);
    files.write(
        "etc/passwd",
        "debian-tor:x:105:1::/:/bin/false\n_tor-b:x:106:1::/:/bin/false\n",
    );
    assert!(source.refresh(now()));
    let legs = source.current();
    assert_eq!(legs.describe().len(), 2);
    assert_eq!(legs.tor_users, [105, 106].into());
    assert_eq!((relays(&source).len(), legs.consensuses.len()), (2, 1));
    fs::remove_dir_all(files.path("etc/tor/instances/b")).unwrap();
    assert!(source.refresh(now()));
    assert_eq!(source.current().describe().len(), 1);
}

#[test]
fn a_torrc_that_is_no_longer_one_leaves_what_it_said_in_use() {
    let files = Files::of_a_relay();
    let mut source = files.open();
    files.write("etc/tor/torrc", "Nickname two-words\n");
    assert!(!source.refresh(now()));
    assert_eq!(source.current().nickname(), "first".parse().ok());
    files.write("etc/tor/torrc", "Nickname changed\nORPort 9001\n");
    assert!(source.refresh(now()));
    assert_eq!(source.current().nickname(), "changed".parse().ok());
}

#[test]
fn what_is_named_must_be_there_and_the_error_tells_the_flag() {
    let files = Files::of_a_relay();
    let error = |config| {
        Source::open(config, now())
            .map(drop)
            .unwrap_err()
            .to_string()
    };
    let missing = || vec![files.path("missing")];
    let torrcs = missing();
    let told = error(Config {
        torrcs,
        ..files.config()
    });
    assert!(
        told.starts_with("--torrc ") && told.contains("missing"),
        "{told}"
    );
    let consensuses = missing();
    let told = error(Config {
        consensuses,
        ..files.config()
    });
    assert!(told.starts_with("--consensus "), "{told}");
    let users = vec!["nobody-here".into()];
    let told = error(Config {
        users,
        ..files.config()
    });
    assert!(
        told.contains("nobody-here") && told.contains("--tor-user"),
        "{told}"
    );
    let rules = vec!["exit:user=nobody-here".parse().unwrap()];
    let told = error(Config {
        rules,
        ..files.config()
    });
    assert!(told.contains("--leg-rule"), "{told}");
}

#[test]
fn named_users_are_relays_users_beside_those_of_the_packages() {
    let files = Files::of_a_relay();
    files.write("my/torrc", "ORPort 9001\nUser 4711\n");
    files.write("my/data/cached-consensus", LATER);
    let source = Source::open(
        Config {
            torrcs: vec![files.path("my/torrc")],
            data_dirs: vec![files.path("my/data")],
            users: vec!["7".into()],
            ..files.config()
        },
        now(),
    )
    .unwrap();
    assert_eq!(source.current().tor_users, [7, 105, 4711].into());
    assert_eq!(relays(&source), [Some(2)]);
    assert_eq!(
        source.current().nickname(),
        None,
        "the packaged torrc is not read"
    );
}

#[test]
fn of_a_captures_host_nothing_is_known_but_what_is_told() {
    let files = Files::of_a_relay();
    let hosts = ["203.0.113.9", "2001:db8::/64"].map(|text| text.parse().unwrap());
    let config = Config {
        host: Host::Told(hosts.into()),
        ..files.config()
    };
    let source = Source::open(config, now()).unwrap();
    let legs = source.current();
    let ip = |text: &str| Ip::from(text.parse::<IpAddr>().unwrap());
    assert_eq!(legs.own, [ip("203.0.113.9")].into());
    assert!(legs.tor_users.is_empty() && legs.describe().is_empty());
    assert!(source.status().is_empty());
}

#[test]
fn the_country_files_of_the_first_torrc_that_names_them_are_told() {
    let files = Files::of_a_relay();
    files.write(
        "etc/tor/torrc",
        "ORPort 9001\nGeoIPFile /a\nGeoIPv6File /b\n",
    );
    let paths = files.open().geoip_files();
    assert_eq!(paths, [Some("/a".into()), Some("/b".into())]);
}

#[test]
fn a_consensus_of_several_places_is_known_wherever_it_is_listed() {
    let files = Files::of_a_relay();
    let consensuses = vec![files.write("more", LATER)];
    let source = Source::open(
        Config {
            consensuses,
            ..files.config()
        },
        now(),
    )
    .unwrap();
    let legs = source.current();
    for address in ["192.0.2.21", "192.0.2.22"] {
        let ip = address.parse::<IpAddr>().unwrap().into();
        let end = Endpoint { ip, port: 9001 };
        assert!(
            legs.consensuses
                .iter()
                .any(|one| one.service(&end).is_some())
        );
    }
}

#[test]
fn trouble_with_a_consensus_is_told_until_it_is_over() {
    let files = Files::of_a_relay();
    let mut source = files.open();
    let cached = "var/lib/tor/cached-microdesc-consensus";
    let trouble = |source: &Source, now| source.places[0].trouble(now).unwrap_or_default();
    let late = "2026-11-22T18:00:01Z".parse().ok();
    assert_eq!(trouble(&source, Some(now())), "");
    assert!(trouble(&source, late).contains("is out of date"));
    assert_eq!(trouble(&source, None), "", "of a capture it may be old");
    files.write(cached, "r broken\n");
    source.refresh(now());
    assert!(trouble(&source, Some(now())).contains("microdesc-consensus:1: too short"));
    files.write(cached, LATER);
    source.refresh(now());
    assert_eq!(trouble(&source, late), "");
    files.write("etc/tor/torrc", "ORPort 9001\nDataDirectory /nonexistent\n");
    source.refresh(now());
    assert!(trouble(&source, late).contains("no consensus in /nonexistent"));
}

#[test]
fn a_relays_user_that_is_no_account_is_told() {
    let files = Files::of_a_relay();
    files.write("etc/tor/instances/b/torrc", "ORPort 9002\n");
    let mut source = files.open();
    let told = source.unknown_user().unwrap();
    assert!(told.starts_with("user _tor-b of a torrc"), "{told}");
    files.write("etc/passwd", "_tor-b:x:106:1::/:/bin/false\n");
    assert!(source.refresh(now()));
    assert_eq!(source.unknown_user(), None);
}

#[test]
fn a_host_without_a_relay_is_told_what_that_means() {
    let files = Files::of_a_relay();
    assert_eq!(files.open().no_relay(), None);
    files.write("etc/tor/torrc", "SocksPort 9050\n");
    let source = files.open();
    assert!(source.no_relay().unwrap().contains("ORPort"));
    assert_eq!(source.idle_folders(), [files.path("var/lib/tor")]);
    files.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    assert!(files.open().no_relay().unwrap().contains("no tor is found"));
}
