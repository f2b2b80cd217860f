//! Damaged files: an error or data, never a panic, and never without end.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::locate::asn::fixtures::with_tree;

#[test]
fn published_damaged_databases_are_refused() {
    let mut seen = 0;
    for entry in fs::read_dir(published("bad")).unwrap() {
        let path = entry.unwrap().path();
        let error = mmdb::read(&path).unwrap_err().to_string();
        assert!(!error.is_empty(), "{}", path.display());
        assert!(Systems::read(&path).is_err(), "{}", path.display());
        seen += 1;
    }
    assert_eq!(seen, 21);
}

/// A tree of IPv6 in which both children of each node are the next node, so that ways double with
/// each bit, and of which the last node's children are `end`.
fn doubling(nodes: u8, end: u32) -> Vec<u8> {
    let mut tree: Vec<[u32; 2]> = (1..u32::from(nodes)).map(|next| [next, next]).collect();
    tree.push([end, end]);
    with_tree(&tree, 6, &map(&[("country_code", text("DE"))]))
}

#[test]
fn a_tree_whose_ways_double_with_each_bit_is_given_up() {
    for nodes in [30, 97, 98, 128] {
        let (nowhere, record) = (u32::from(nodes), u32::from(nodes) + 16);
        for end in [nowhere, record] {
            let read = mmdb::read(file(&doubling(nodes, end)).path());
            assert!(matches!(read, Err(DataError::Circles)), "{nodes} {end}");
        }
    }
    let ring = with_tree(&[[0, 0]], 6, &map(&[("country_code", text("DE"))]));
    assert!(mmdb::read(file(&ring).path()).is_err());
}

/// Bytes with some changed, and perhaps cut.
fn damaged(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8);
    (changes, any::<prop::sample::Index>(), any::<bool>()).prop_map(
        move |(changes, cut, is_cut)| {
            let mut bytes = bytes.clone();
            for (place, value) in changes {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            if is_cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            bytes
        },
    )
}

fn looked_up(countries: &Countries) {
    for address in ["1.0.4.1", "81.2.69.160", "223.255.255.255", "2a02:d500::1"] {
        country(countries, address);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_damaged_database_is_an_error_or_data(
        bytes in damaged(fs::read(published("GeoIP2-Country-Test.mmdb")).unwrap())
    ) {
        if let Ok(countries) = mmdb::read(file(&bytes).path()) {
            looked_up(&countries);
        }
        let _ = Systems::read(file(&bytes).path());
    }

    #[test]
    fn damaged_text_is_an_error_or_data(
        v4 in damaged(V4.into()), v6 in damaged(V6.into()), libloc in damaged(LIBLOC.into())
    ) {
        let v4 = geoip::read_v4(file(&v4).path()).ok();
        let v6 = geoip::read_v6(file(&v6).path()).ok();
        looked_up(&geoip::joined(v4, v6));
        if let Ok((countries, systems)) = libloc::read(file(&libloc).path()) {
            looked_up(&countries);
            lookup(&systems, "1.0.4.1");
        }
    }
}
