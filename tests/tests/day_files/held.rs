//! Day files held against the truth: what is folded is within a broader kind, nothing is lost, and
//! everything else is as it was.

use std::collections::BTreeMap;

use collector::inspect::useragent;
use collector_common::schema::{Country, DayCell, Dimension, Label, Leg, Level, OTHER, PortClass};
use collector_tests::tables::Days;

/// One leg's day of a node in one dimension.
type Place = (String, jiff::civil::Date, Leg, Dimension);
type Key = (String, Option<Country>);
type Cells = BTreeMap<Key, DayCell>;

/// What a cell counts, and the step to which a level rounds it up.
type Count = (&'static str, fn(&DayCell) -> i64, fn(Level) -> i64);

const COUNTS: [Count; 5] = [
    ("flows", |cell| cell.flows, flow_step),
    ("failed", |cell| number(cell.failed), flow_step),
    ("packets", |cell| number(cell.packets), flow_step),
    ("bytes", |cell| number(cell.bytes), byte_step),
    ("duration", |cell| number(cell.duration_ms), |_| 1),
];

fn flow_step(level: Level) -> i64 {
    if level == Level::Aggregate { 8 } else { 1 }
}

fn byte_step(level: Level) -> i64 {
    if level == Level::Aggregate { 1024 } else { 1 }
}

fn number(told: Option<u64>) -> i64 {
    i64::try_from(told.expect("told at every level")).expect("a small number")
}

/// Holds every cell.
pub(crate) fn cells(told: &Days, truth: &Days, level: Level) {
    let told = by_place(told, |_| true);
    let has = |(node, day, leg, _): &Place| {
        told.contains_key(&(node.clone(), *day, *leg, Dimension::All))
    };
    let truth = by_place(truth, has);
    assert!(told.len() > 100, "{}", told.len());
    for (place, truth) in &truth {
        let told = &told[place];
        for count in COUNTS {
            hold(place, count, told, truth, level);
        }
    }
    let tables = told.keys().filter(|(.., by)| !is_histogram(*by)).count();
    assert_eq!(tables, truth.len());
}

fn is_histogram(by: Dimension) -> bool {
    matches!(
        by,
        Dimension::Packets | Dimension::Bytes | Dimension::DurationMs
    )
}

/// Legs that are not told are in `other`.
fn by_place(days: &Days, is_told: impl Fn(&Place) -> bool) -> BTreeMap<Place, Cells> {
    let mut places: BTreeMap<Place, Cells> = BTreeMap::new();
    for (node, cell) in &days.cells {
        let mut place = (node.clone(), cell.day, cell.leg, cell.by);
        if !is_told(&place) {
            place.2 = Leg::Other;
        }
        let key = (cell.key.clone().into_owned(), cell.country);
        let cells = places.entry(place).or_default();
        cells
            .entry(key)
            .and_modify(|sum| add(sum, cell))
            .or_insert_with(|| cell.clone());
    }
    places
}

fn add(sum: &mut DayCell, cell: &DayCell) {
    sum.flows += cell.flows;
    for (sum, number) in [
        (&mut sum.failed, cell.failed),
        (&mut sum.packets, cell.packets),
        (&mut sum.bytes, cell.bytes),
        (&mut sum.duration_ms, cell.duration_ms),
    ] {
        *sum = sum.zip(number).map(|(sum, number)| sum + number);
    }
}

fn hold(place: &Place, (what, count, step): Count, told: &Cells, truth: &Cells, level: Level) {
    let slack = step(level) - 1;
    for (key, cell) in told {
        let own = truth.get(key).map_or(0, count);
        let folded = truth
            .iter()
            .filter(|(small, _)| !told.contains_key(*small) && covers(place.3, key, small));
        let folded: i64 = folded.map(|(_, cell)| count(cell)).sum();
        let told = count(cell);
        assert!(
            (own..=own + folded + slack).contains(&told),
            "{what} of {key:?} in {place:?}: {told}, truly {own}, with what is folded {folded}"
        );
    }
    let all = |cells: &Cells| -> i64 { cells.values().map(count).sum() };
    let (sum, exact) = (all(told), all(truth));
    let most = exact + slack * i64::try_from(told.len()).expect("few");
    assert!(
        (exact..=most).contains(&sum),
        "{what} in {place:?}: {sum}, truly {exact}"
    );
}

/// Whether what is told as `broad` may have `small` in it.
fn covers(by: Dimension, broad: &Key, small: &Key) -> bool {
    let key = |by| broad.0 == small.0 || covers_key(by, &broad.0, &small.0);
    if by != Dimension::PortCountry {
        return key(by);
    }
    let country = match (broad.1, small.1) {
        (Some(broad), Some(small)) => {
            let broads = [Country::OTHER, small, small.continent()];
            broads.contains(&broad)
        }
        _ => false,
    };
    key(Dimension::Port) && country
}

fn covers_key(by: Dimension, broad: &str, small: &str) -> bool {
    let narrower = || match by {
        Dimension::Label => Label::from(small.to_owned()).broader().to_string() == broad,
        Dimension::Port => {
            let number = small.parse().ok();
            number.is_some_and(|number| PortClass::of(number).as_str() == broad)
        }
        Dimension::UserAgent => useragent::family(small) == broad,
        Dimension::SourceCountry | Dimension::DestinationCountry => {
            let country = Country::try_from(small.to_owned());
            country.is_ok_and(|country| country.continent().to_string() == broad)
        }
        _ => false,
    };
    broad == OTHER || narrower()
}

/// Numbers of values are exact where enough flows have them.
pub(crate) fn values(told: &Days, truth: &Days, level: Level) {
    const NO_VALUES: [&str; 5] = [OTHER, "unknown", "not_http", "none", "none_known"];
    assert!(told.distinct.len() > 10, "{}", told.distinct.len());
    let truth = by_place(truth, |_| true);
    let legs = told
        .distinct
        .iter()
        .filter(|(_, line)| line.leg != Leg::Other);
    for (node, line) in legs {
        assert_eq!(line.at_least, level.k());
        let cells = &truth[&(node.clone(), line.day, line.leg, line.by)];
        let enough = cells.iter().filter(|((key, _), cell)| {
            let many = u64::try_from(cell.flows).is_ok_and(|flows| flows >= level.k());
            many && !NO_VALUES.contains(&key.as_str())
        });
        assert_eq!(line.values, enough.count() as u64, "{node} {line:?}");
    }
}
