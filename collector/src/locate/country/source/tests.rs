use std::fs;

use collector_common::key::Address;

use super::*;
use crate::locate::asn::fixtures::{database, text};

/// A folder with tor's two files, one address each.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("geoip", b"134744072,134744072,DE\n");
        folder.write("geoip6", b"2a00::1,2a00::1,DE\n");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn tor(&self) -> Files {
        Files {
            geoip: Some(self.path("geoip")),
            geoip6: Some(self.path("geoip6")),
            ..Files::default()
        }
    }
}

fn country(source: &Source) -> String {
    let location = source.current().lookup(&Address::v4([8, 8, 8, 8]), 4);
    location.country.to_string()
}

fn system(source: &Source) -> Option<u32> {
    source.systems().lookup(&Address::v4([8, 8, 8, 8]), 4)
}

#[test]
fn a_changed_file_is_read_when_it_has_stayed_the_same_for_a_while() {
    let folder = Folder::new();
    let mut source = Source::open(folder.tor()).unwrap();
    assert_eq!(country(&source), "DE");
    assert!(!source.refresh(), "nothing changed");
    folder.write("geoip", b"134744072,134744072,FRANCE");
    assert!(!source.refresh(), "it may not be whole yet");
    folder.write("geoip", b"134744072,134744072,FR\n");
    assert!(!source.refresh(), "nor now");
    assert_eq!(country(&source), "DE");
    assert!(source.refresh());
    assert_eq!(country(&source), "FR");
    assert!(!source.refresh(), "it is read once");
}

#[test]
fn what_was_read_stays_when_a_file_is_damaged_or_goes() {
    let folder = Folder::new();
    let mut source = Source::open(folder.tor()).unwrap();
    folder.write("geoip6", b"2a00::1,2a00::1\n");
    assert!(!source.refresh() && !source.refresh() && !source.refresh());
    fs::remove_file(folder.path("geoip")).unwrap();
    assert!(!source.refresh() && !source.refresh());
    assert_eq!(country(&source), "DE");
    folder.write("geoip", b"134744072,134744072,FR\n");
    assert!(
        !source.refresh() && !source.refresh(),
        "geoip6 is still damaged"
    );
    folder.write("geoip6", b"2a00::1,2a00::1,FR\n");
    assert!(!source.refresh() && source.refresh());
    assert_eq!(country(&source), "FR");
}

#[test]
fn a_named_file_must_be_there_and_one_of_torrc_may_come_later() {
    let folder = Folder::new();
    fs::remove_file(folder.path("geoip6")).unwrap();
    let error = Source::open(folder.tor()).unwrap_err().to_string();
    assert!(error.starts_with("reading --geoip6 /"), "{error}");
    let mut source = Source::open(Files {
        torrc_geoip: Some(folder.path("absent")),
        torrc_geoip6: Some(folder.path("geoip6")),
        ..Files::default()
    })
    .unwrap();
    assert_eq!(country(&source), "??");
    assert_eq!(source.current().describe(), None);
    folder.write("absent", b"134744072,134744072,FR\n");
    assert!(!source.refresh() && source.refresh());
    assert_eq!(country(&source), "FR");
    fs::remove_file(folder.path("absent")).unwrap();
    assert!(
        !source.refresh() && !source.refresh(),
        "what was there must stay"
    );
    assert_eq!(country(&source), "FR");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_not_taken() {
    let folder = Folder::new();
    let named = Named::new("--geoip", folder.path("geoip"), true);
    let unsteady = Part::open(vec![named], |files| {
        let path = files[0].watched.path().to_owned();
        fs::write(&path, "134744072,134744072,FR\nmore").unwrap();
        Ok(())
    });
    let error = unsteady.unwrap_err().to_string();
    assert!(error.contains("being written"), "{error}");
}

#[test]
fn the_format_of_a_database_is_seen_from_what_is_in_it() {
    let folder = Folder::new();
    let open = |name: &str| {
        Source::open(Files {
            geo: Some(folder.path(name)),
            ..Files::default()
        })
    };
    folder.write("data", b"net: 8.0.0.0/8\ncountry: DE\naut-num: 3356\n");
    let mut source = open("data").unwrap();
    assert_eq!(
        (country(&source), system(&source)),
        ("DE".into(), Some(3356))
    );
    folder.write("data", &database("country_code", &text("FR")));
    assert!(
        !source.refresh() && source.refresh(),
        "another format is as good"
    );
    assert_eq!((country(&source), system(&source)), ("FR".into(), None));
    let error = open("geoip").unwrap_err().to_string();
    assert!(
        error.contains("--geo ") && error.contains("--geoip6"),
        "{error}"
    );
    folder.write("data", &[0; 5000]);
    assert!(open("data").is_err());
}

#[test]
fn a_database_of_systems_comes_before_those_of_the_countries() {
    let folder = Folder::new();
    folder.write("geo", b"net: 8.0.0.0/8\ncountry: DE\naut-num: 3356\n");
    folder.write("asn", &database("asn", &[0xc1, 7]));
    let mut source = Source::open(Files {
        geo: Some(folder.path("geo")),
        asn: Some(folder.path("asn")),
        ..Files::default()
    })
    .unwrap();
    assert_eq!(system(&source), Some(7));
    folder.write("asn", &database("asn", &[0xc1, 8]));
    assert!(!source.refresh() && source.refresh());
    assert_eq!(system(&source), Some(8));
}
