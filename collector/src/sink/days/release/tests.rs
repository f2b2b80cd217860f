use std::collections::BTreeSet;

use collector_common::schema::{Label, Sum};
use tempfile::TempDir;

use super::*;
use crate::{
    anonymize::{budget::Budget, suppress},
    sink::{days::MAX_CELLS, disk::LocalDisk, entry::Size, tests::record},
};

const FIRST: i64 = 20_000;
const DAY_MINUTES: i64 = 24 * 60;

/// Noise of epsilon 10: with 16 lists and a bound of 1 its scale is 1.6, and more than [`FAR`] has
/// a chance of e^-62.
fn noise() -> Noise {
    let folder = TempDir::new().unwrap();
    let budget = Budget::new(folder.path(), &"relay".parse().unwrap());
    let dp = "epsilon=10,bound=1,period=day".parse().unwrap();
    let grant = budget.spend(date(FIRST), dp, LocalDisk).unwrap();
    grant.noise(LISTS)
}

const FAR: i64 = 100;

fn released(days: RangeInclusive<i64>, counted: &BTreeMap<i64, Day>) -> Vec<Line> {
    let released = Released::of(days.clone(), counted, &mut noise()).unwrap();
    days.flat_map(|day| released.lines(day)).collect()
}

fn day(flows: &[(&str, u64)]) -> Day {
    let mut day = Day::default();
    for (label, flows) in flows {
        let mut kind = record(false).kind;
        kind.traits.label = Label::from((*label).to_owned());
        let size = Size {
            sum: Sum {
                flows: *flows,
                packets: 10 * flows,
                bytes: 1000 * flows,
            },
            duration_ms: 5,
        };
        day.count(&kind, FIRST * DAY_MINUTES, size);
    }
    day
}

fn cells(lines: Vec<Line>) -> Vec<DayCell> {
    let cell = |line| match line {
        Line::Day(cell) => cell,
        line => panic!("{line:?} is none of a release"),
    };
    lines.into_iter().map(cell).collect()
}

fn keys_of(lines: Vec<Line>) -> Vec<(jiff::civil::Date, Leg, Dimension, Cow<'static, str>)> {
    let cells = cells(lines).into_iter();
    cells
        .map(|cell| (cell.day, cell.leg, cell.by, cell.key))
        .collect()
}

#[test]
fn the_lines_of_a_release_are_the_same_whatever_was_counted() {
    let days = FIRST..=FIRST + 1;
    let nothing = keys_of(released(days.clone(), &BTreeMap::new()));
    let much = day(&[("TLS.Google", 900), ("no such label", 1)]);
    assert_eq!(
        keys_of(released(days, &BTreeMap::from([(FIRST, much)]))),
        nothing
    );
    let distinct: BTreeSet<_> = nothing.iter().collect();
    assert_eq!(distinct.len(), nothing.len(), "each once");
}

#[test]
fn a_cell_tells_flows_alone_and_what_is_not_for_noise_has_no_line() {
    for cell in cells(released(FIRST..=FIRST, &BTreeMap::new())) {
        assert!(DIMENSIONS.contains(&cell.by));
        let rest = (cell.failed, cell.packets, cell.bytes, cell.duration_ms);
        assert_eq!((rest, cell.country), ((None, None, None, None), None));
    }
}

#[test]
fn every_flow_is_counted_once_in_each_list_near_to_the_truth() {
    let labels = [
        ("TLS.Google", 40_000),
        ("SSH.Google", 20_000),
        ("odd", 10_000),
    ];
    let counted = BTreeMap::from([(FIRST + 1, day(&labels))]);
    let told = cells(released(FIRST..=FIRST + 1, &counted));
    for by in DIMENSIONS {
        let sums = told
            .iter()
            .filter(|cell| cell.by == by && cell.flows > 1000);
        let near: i64 = sums.map(|cell| cell.flows).sum();
        assert!((near - 70_000).abs() < 3 * FAR, "{by:?}: {near}");
    }
    for (key, flows) in [
        ("TLS.Google", 40_000),
        ("SSH", 20_000),
        (OTHER, 10_000),
        ("TLS", 0),
    ] {
        for (day, truth) in [(FIRST, 0), (FIRST + 1, flows)] {
            let cell = told.iter().find(|cell| {
                let place = (cell.day, cell.leg, cell.by);
                place == (date(day), Leg::Exit, Dimension::Label) && cell.key == key
            });
            let flows = cell.unwrap().flows;
            assert!((flows - truth).abs() < FAR, "{key}: {flows}");
        }
    }
}

#[test]
fn failed_flows_are_a_list_of_their_own() {
    let mut counted = day(&[("TLS", 7000)]);
    let failed = record(true);
    let size = Size {
        sum: Sum {
            flows: 3000,
            ..failed.size.sum
        },
        ..failed.size
    };
    counted.count(&failed.kind, FIRST * DAY_MINUTES, size);
    let told = cells(released(FIRST..=FIRST, &BTreeMap::from([(FIRST, counted)])));
    for (key, truth) in [("false", 7000), ("true", 3000)] {
        let of = |cell: &&DayCell| cell.by == Dimension::Failed && cell.key == key;
        let cell = told.iter().filter(of).find(|cell| cell.leg == Leg::Exit);
        assert!((cell.unwrap().flows - truth).abs() < FAR, "{cell:?}");
    }
}

#[test]
fn all_that_a_flow_can_be_told_as_is_on_the_lists() {
    let list = List::of(Dimension::Port);
    for port in 0..=u16::MAX {
        let told = super::super::port_key(Level::Aggregate.port(port));
        assert!(list.listed(&told).is_some(), "{told}");
    }
    for key in super::super::keys(&record(false).kind, FIRST * DAY_MINUTES) {
        let is_told = DIMENSIONS.contains(&key.by);
        assert_eq!(
            List::of(key.by).listed(&key.key).is_some(),
            is_told,
            "{key:?}"
        );
    }
}

#[test]
fn no_other_flow_decides_under_which_key_one_is_counted() {
    // A day that has its most cells counts new keys as `other`: that depends on what came before.
    let listed = DIMENSIONS.map(|by| List::of(by).keys.len());
    let table = List::of(Dimension::Port).keys.len() * Country::all().count();
    assert!(listed.iter().sum::<usize>() + table < MAX_CELLS / 2);
}

#[test]
fn a_missing_list_would_be_noticed_by_the_budget() {
    let mut noise = noise();
    Released::of(FIRST..=FIRST, &BTreeMap::new(), &mut noise).unwrap();
    let more = noise.release(&KeyList::all([0]), []).map(drop);
    assert_eq!(more, Err(NoiseError::Overspent), "all of epsilon is used");
}

#[test]
fn a_day_is_its_flows() {
    let day = day(&[("TLS", 3), ("SSH", 4)]);
    assert_eq!(day.flows(), 7);
    assert_eq!(suppress::Cell::flows(&day.legs[&Leg::Exit]), 7);
}
