//! Noise in day files, from records to files.

use super::*;
use crate::anonymize::noise::Dp;

const DP: &str = "epsilon=10,bound=1,period=day";

fn noisy(folder: &Path, dp: &str) -> SinkConfig {
    let dp: Dp = dp.parse().unwrap();
    SinkConfig {
        header: Header {
            level: Level::Aggregate,
            k: Level::Aggregate.k(),
            dp: Some(dp.describe()),
            ..header()
        },
        ends: false,
        ..config(folder)
    }
}

fn day_names(folder: &Path) -> Vec<String> {
    let mut names = names(folder);
    names.retain(|name| name.starts_with("day-"));
    names
}

const DAY: i64 = 86_400;

/// Flows of the leg, some days after the tests' first.
fn write(sink: &mut Sink, day: i64, flows: u64) {
    for _ in 0..flows {
        let mut record = record(false);
        record.start += day * 24 * 60;
        sink.write(None, record);
    }
    commit(sink);
}

fn all(folder: &Path, name: &str) -> i64 {
    let told = lines(&folder.join(name)).into_iter();
    let all = told.filter_map(|line| match line {
        Line::Day(cell) if cell.by == Dimension::All && cell.leg == Leg::Exit => Some(cell.flows),
        _ => None,
    });
    all.sum()
}

#[test]
fn where_the_noise_that_was_asked_for_is_unreadable_no_day_is_told() {
    let folder = TempDir::new().unwrap();
    let mut config = noisy(folder.path(), DP);
    config.ends = true;
    if let Some(dp) = &mut config.header.dp {
        dp.epsilon = "none".to_owned();
    }
    let (mut sink, _) = open(config);
    write(&mut sink, 0, 30);
    assert!(sink.close(moment(1).utc).is_err());
    assert_eq!(day_names(folder.path()), Vec::<String>::new());
}

#[test]
fn a_period_is_released_as_a_whole_when_it_is_over_and_nothing_before() {
    let folder = TempDir::new().unwrap();
    // The 22nd of November 2026 is a Sunday.
    let (mut sink, _) = open(noisy(folder.path(), "epsilon=10,bound=1,period=week"));
    write(&mut sink, 0, 400);
    write(&mut sink, 1, 600);
    sink.rotate(moment(DAY / 3)).unwrap();
    assert_eq!(day_names(folder.path()), [""; 0]);
    write(&mut sink, 1, 100);
    sink.rotate(moment(2 * DAY)).unwrap();
    let told = day_names(folder.path());
    assert_eq!(told.len(), 7, "{told:?}");
    assert_eq!(told[0], "day-relay-20261116-0000.ndjson.zst");
    assert!((all(folder.path(), &told[6]) - 400).abs() < 100);
    assert!(all(folder.path(), &told[5]).abs() < 100);
    drop(sink);
    assert_eq!(flows(&closed_lines(folder.path())), 0);
}

#[test]
fn a_period_in_which_nothing_happened_is_released_like_any_other() {
    let folder = TempDir::new().unwrap();
    let (sink, _) = open(noisy(folder.path(), DP));
    sink.close(moment(60).utc).unwrap();
    assert_eq!(day_names(folder.path()), [""; 0]);
    let later = moment(DAY);
    let (sink, recovered) =
        Sink::open(noisy(folder.path(), DP), Box::new(LocalDisk), later).unwrap();
    assert!(recovered.left.is_empty(), "{:?}", recovered.left);
    drop(sink);
    let told = day_names(folder.path());
    assert_eq!(told, ["day-relay-20261122-0000.ndjson.zst"]);
    assert!(all(folder.path(), &told[0]).abs() < 100);
}

#[test]
fn flows_of_days_that_were_released_are_dropped_and_told_when_the_sink_ends() {
    let folder = TempDir::new().unwrap();
    let ending = |flows| {
        let mut config = noisy(folder.path(), DP);
        config.ends = true;
        let (mut sink, _) = open(config);
        write(&mut sink, 0, flows);
        sink.close(moment(60).utc)
    };
    ending(300).unwrap();
    let before = day_names(folder.path());
    let error = ending(200).unwrap_err().to_string();
    assert!(
        error.contains("200 are of days that were released before"),
        "{error}"
    );
    assert_eq!(day_names(folder.path()), before);
    let left = names(folder.path());
    assert!(!left.iter().any(|name| name.ends_with(".open")), "{left:?}");
}

#[test]
fn a_kill_after_the_budget_costs_the_release_and_tells_nothing_twice() {
    let folder = TempDir::new().unwrap();
    let (mut sink, _) = open(noisy(folder.path(), DP));
    write(&mut sink, 0, 300);
    sink.close(moment(60).utc).unwrap();
    let budget = Budget::new(folder.path(), &"relay".parse().unwrap());
    let day = "2026-11-22".parse().unwrap();
    drop(budget.spend(day, DP.parse().unwrap(), LocalDisk).unwrap());
    let (sink, recovered) = Sink::open(
        noisy(folder.path(), DP),
        Box::new(LocalDisk),
        moment(3 * DAY),
    )
    .unwrap();
    assert!(recovered.left.is_empty(), "{:?}", recovered.left);
    assert_eq!(sink.dropped, 300);
    drop(sink);
    assert_eq!(day_names(folder.path()), [""; 0]);
}

#[test]
fn a_damaged_budget_is_told_at_the_start_and_nothing_is_written() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("budget-relay.ndjson"), "{}\n").unwrap();
    let error = Sink::open(noisy(folder.path(), DP), Box::new(LocalDisk), moment(0)).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("budget-relay.ndjson, line 1"), "{error}");
    assert!(error.contains("restore the file"), "{error}");
    assert_eq!(names(folder.path()), ["budget-relay.ndjson"]);
}

#[test]
fn no_retention_takes_the_budget() {
    let folder = TempDir::new().unwrap();
    let mut config = noisy(folder.path(), DP);
    config.limits.retention.max_bytes = 0;
    config.limits.retention.max_age = Duration::ZERO;
    let (mut sink, _) = open(config);
    write(&mut sink, 0, 9);
    sink.rotate(moment(DAY)).unwrap();
    assert_eq!(sink.removed().files, 1);
    assert!(names(folder.path()).contains(&"budget-relay.ndjson".to_owned()));
}
