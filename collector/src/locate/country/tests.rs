use std::{
    io::Write,
    net::{Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
};

use collector_common::schema::GeoSource;

use super::*;
use crate::locate::asn::{
    Systems,
    fixtures::{database, database_of, map, text},
};

mod damage;

fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn of_tor(v4: &str, v6: &str) -> Countries {
    let v4 = geoip::read_v4(file(v4.as_bytes()).path()).unwrap();
    let v6 = geoip::read_v6(file(v6.as_bytes()).path()).unwrap();
    geoip::joined(Some(v4), Some(v6))
}

fn published(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/mmdb");
    folder.join(name)
}

fn locate(countries: &Countries, address: &str) -> (String, Option<Proxy>) {
    let location = match address.parse::<Ipv4Addr>() {
        Ok(address) => countries.lookup(&Address::v4(address.octets()), 4),
        Err(_) => {
            let address: Ipv6Addr = address.parse().unwrap();
            countries.lookup(&Address::v6(address.octets()), 6)
        }
    };
    (location.country.to_string(), location.proxy)
}

fn country(countries: &Countries, address: &str) -> String {
    locate(countries, address).0
}

const V4: &str = "# Generated: Mon, 24 Jul 2023 03:33:03 GMT\n#\n\
    16777216,16777471,AU\n16777472,16778239,CN\n134744072,134744072,US\n\
    150994944,150994945,UK\n150994946,150994947,A1\n";
const V6: &str = "# Generated: Sun, 23 Jul 2023 03:33:03 GMT\n\
    2001:200::,2001:200:ffff:ffff:ffff:ffff:ffff:ffff,JP\n2a00::,2a00::1,EU\n";

#[test]
fn a_range_of_tors_files_holds_from_its_first_to_its_last_address() {
    let countries = of_tor(V4, V6);
    for (address, expected) in [
        ("1.0.0.0", "AU"),
        ("1.0.0.255", "AU"),
        ("1.0.1.0", "CN"),
        ("8.8.8.8", "US"),
        ("8.8.8.9", "??"),
        ("23.0.0.0", "??"),
        ("9.0.0.1", "GB"),
        ("2001:200::5", "JP"),
        ("2a00::1", "europe"),
        ("2a00::2", "??"),
    ] {
        assert_eq!(locate(&countries, address), (expected.into(), None));
    }
    let anonymous = ("??".into(), Some(Proxy::Anonymous));
    assert_eq!(locate(&countries, "9.0.0.2"), anonymous);
    assert_eq!(country(&Countries::none(), "8.8.8.8"), "??");
}

#[test]
fn private_addresses_are_nowhere_and_carried_ones_where_they_are_whatever_the_data_says() {
    let lying = of_tor("0,4294967295,DE\n", "::,ffff:ffff::,FR\n");
    assert_eq!(country(&lying, "10.1.2.3"), "ZZ");
    assert_eq!(country(&lying, "fe80::1"), "ZZ");
    assert_eq!(country(&lying, "11.1.2.3"), "DE");
    assert_eq!(country(&lying, "2a00::1"), "FR");
    assert_eq!(country(&lying, "::ffff:11.1.2.3"), "DE");
    assert_eq!(country(&lying, "2002:a01:203::1"), "ZZ");
}

#[test]
fn the_header_names_the_older_day_of_tors_files() {
    let geo = of_tor(V4, V6).describe().unwrap();
    assert_eq!(geo.source, GeoSource::TorGeoipdb);
    assert_eq!(geo.date, Some(jiff::civil::date(2023, 7, 23)));
    assert_eq!(Countries::none().describe(), None);
}

#[test]
fn a_bad_line_of_tors_files_is_named_by_its_number() {
    let cases: [(&str, u64); 9] = [
        ("1,2\n", 1),
        ("1,2,DE,4\n", 1),
        ("# fine\n1,2,de\n", 2),
        ("1,2,DEU\n", 1),
        ("5,4,DE\n", 1),
        ("1,5,DE\n5,6,DE\n", 2),
        ("1,4294967296,DE\n", 1),
        ("1,-2,DE\n", 1),
        ("1,2,DE\n3,4,D", 2),
    ];
    for (text, expected) in cases {
        let error = geoip::read_v4(file(text.as_bytes()).path()).err().unwrap();
        assert!(
            matches!(error, DataError::Line { line, .. } if line == expected),
            "{text}: {error}"
        );
    }
    for empty in ["", "# nothing\n", "1,2,??\n"] {
        let error = geoip::read_v4(file(empty.as_bytes()).path()).err().unwrap();
        assert!(error.to_string().contains("names a country"), "{error}");
    }
}

#[test]
fn of_maxminds_records_the_country_holds_then_the_registered_one_then_the_continent() {
    let countries = mmdb::read(&published("GeoIP2-Country-Test.mmdb")).unwrap();
    for (address, expected, flag) in [
        ("2.125.160.216", "GB", None), // registered in France
        ("50.114.0.1", "US", None),
        ("2a02:d500::1", "europe", None),
        ("214.1.1.1", "??", Some(Proxy::Anycast)),
        ("8.8.8.8", "??", None),
    ] {
        let expected = (expected.into(), flag);
        assert_eq!(locate(&countries, address), expected, "{address}");
    }
    let geo = countries.describe().unwrap();
    assert_eq!(geo.source, GeoSource::Mmdb);
    assert_eq!(geo.date, Some(jiff::civil::date(2026, 2, 4)));
}

fn boolean(value: bool) -> Vec<u8> {
    vec![u8::from(value), 7]
}

fn told(field: &str, value: &[u8]) -> (String, Option<Proxy>) {
    let read = mmdb::read(file(&database(field, value)).path());
    locate(&read.unwrap(), "8.8.8.8")
}

#[test]
fn records_of_either_shape_are_read() {
    let cases = [
        ("country", map(&[("iso_code", text("DE"))]), "DE"),
        ("registered_country", map(&[("iso_code", text("DE"))]), "DE"),
        ("continent", map(&[("code", text("NA"))]), "north_america"),
        ("country_code", text("NA"), "NA"),
        ("country", text("UK"), "GB"),
        ("continent_code", text("AN"), "antarctica"),
        ("continent", text("AS"), "asia"),
    ];
    for (field, value, expected) in cases {
        assert_eq!(told(field, &value), (expected.into(), None), "{field}");
    }
}

#[test]
fn a_database_that_names_no_country_is_refused() {
    for (field, value) in [
        ("country", text("Germany")),
        ("country", map(&[("names", map(&[]))])),
        ("autonomous_system_number", vec![0xc2, 0xf2, 0x59]),
    ] {
        let error = mmdb::read(file(&database(field, &value)).path()).unwrap_err();
        assert!(error.to_string().contains("names a country"), "{error}");
    }
    let flags_alone = mmdb::read(&published("GeoIP2-Anonymous-IP-Test.mmdb"));
    assert!(matches!(flags_alone, Err(DataError::Nothing(_))));
    let number = mmdb::read(file(&database("country", &[0xc1, 7])).path());
    assert!(matches!(number, Err(DataError::Record)));
}

#[test]
fn a_flag_that_a_record_does_not_have_is_not_taken_for_unset() {
    let flags = |flags: &[(&str, Vec<u8>)]| {
        let country = ("country", map(&[("iso_code", text("DE"))]));
        let record = map(&[country, ("traits", map(flags))]);
        let countries = mmdb::read(file(&database_of(&record)).path()).unwrap();
        locate(&countries, "8.8.8.8").1
    };
    assert_eq!(flags(&[]), None);
    assert_eq!(flags(&[("is_anonymous", boolean(true))]), None);
    let satellite = || ("is_satellite_provider", boolean(true));
    let anonymous = |value| ("is_anonymous_proxy", boolean(value));
    assert_eq!(flags(&[anonymous(false)]), Some(Proxy::None));
    assert_eq!(flags(&[satellite()]), Some(Proxy::Satellite));
    assert_eq!(
        flags(&[satellite(), anonymous(true)]),
        Some(Proxy::Anonymous)
    );
}

const LIBLOC: &str = "#\n# Location Database Export\n#\n# Generated: Sat, 29 Oct 2022 05:59:54 GMT\n\
    # Vendor:    IPFire Project\n\n\
    aut-num:                 AS13335\nname:                    CLOUDFLARENET\n\n\
    net:                     1.0.0.0/8\ncountry:                 AU\n\n\
    net:                     1.0.0.0/24\ncountry:                 AU\naut-num:                 13335\n\
    is-anycast:              yes\n\n\
    net:                     1.0.4.0/22\ncountry:                 EU\naut-num:                 38803\n\
    is-anonymous-proxy:      yes\nis-satellite-provider:   yes\n\n\
    net:                     1.0.5.0/24\naut-num:                 AS4294967295\ndrop:                    yes\n\n\
    net:                     2c0f:fff0::/32\ncountry:                 A2\n";

#[test]
fn of_liblocs_networks_the_narrowest_holds_with_its_flags_and_its_system() {
    let (countries, systems) = libloc::read(file(LIBLOC.as_bytes()).path()).unwrap();
    for (address, expected, flag, system) in [
        ("1.9.9.9", "AU", Some(Proxy::None), None),
        ("1.0.0.1", "AU", Some(Proxy::Anycast), Some(13_335)),
        ("1.0.4.1", "europe", Some(Proxy::Anonymous), Some(38_803)),
        ("1.0.5.1", "??", Some(Proxy::None), Some(u32::MAX)),
        ("1.0.6.1", "europe", Some(Proxy::Anonymous), Some(38_803)),
        ("1.0.8.1", "AU", Some(Proxy::None), None),
        ("2c0f:fff0::1", "??", Some(Proxy::Satellite), None),
        ("8.8.8.8", "??", None, None),
    ] {
        let expected = (expected.into(), flag);
        assert_eq!(locate(&countries, address), expected, "{address}");
        assert_eq!(lookup(&systems, address), system, "{address}");
    }
    let geo = countries.describe().unwrap();
    assert_eq!(geo.source, GeoSource::Libloc);
    assert_eq!(geo.date, Some(jiff::civil::date(2022, 10, 29)));
}

fn lookup(systems: &Systems, address: &str) -> Option<u32> {
    match address.parse::<Ipv4Addr>() {
        Ok(address) => systems.lookup(&Address::v4(address.octets()), 4),
        Err(_) => {
            let address: Ipv6Addr = address.parse().unwrap();
            systems.lookup(&Address::v6(address.octets()), 6)
        }
    }
}

#[test]
fn a_bad_line_of_liblocs_export_is_named_by_its_number() {
    for (text, expected) in [
        ("net: 1.0.0.0\n", "line 1: not a network"),
        ("net: 1.0.0.0/33\n", "line 1: not a network"),
        (
            "net: 1.0.0.0/8\ncountry: Australia\n",
            "line 2: not a country",
        ),
        ("\naut-num: ASx\n", "line 2: not a number"),
        ("net: 1.0.0.0/8\ncountry: A", "line 2: the file ends"),
        ("16777216,16777471,AU\n", "--geoip"),
        ("2001:200::,2001:200::1,JP\n", "--geoip"),
        ("aut-num: AS1\n", "names a country"),
        ("", "names a country"),
    ] {
        let error = libloc::read(file(text.as_bytes()).path()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
