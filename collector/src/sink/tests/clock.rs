//! What a clock that is set, and a reboot, do to files.

use super::*;

const HOUR: i64 = 3600;

/// Second `boot` since boot, when the wall clock says `second`.
fn at(boot: i64, second: i64) -> Moment {
    Moment {
        boot: moment(boot).boot,
        utc: moment(second).utc,
    }
}

#[test]
fn a_clock_that_goes_back_gives_no_file_the_name_of_another() {
    let folder = TempDir::new().unwrap();
    let (mut sink, _) = open(config(folder.path()));
    for (boot, second) in [(1, HOUR), (2, 0), (3, HOUR), (4, 0)] {
        sink.write(Some(id(boot as u64)), record(false));
        commit(&mut sink);
        sink.rotate(at(boot, second)).unwrap();
    }
    sink.close(moment(0).utc).unwrap();
    let lines = closed_lines(folder.path());
    assert_eq!(statistics(&lines).flows, 4);
    let named = names(folder.path());
    for name in ["150000Z-0001", "150000Z-0002", "160000Z-0001"] {
        let has = |file: &String| file.contains(name);
        assert!(named.iter().any(has), "{name}? {named:?}");
    }
}

#[test]
fn a_clock_a_year_ahead_removes_nothing_until_it_was_steady_for_a_day() {
    let folder = TempDir::new().unwrap();
    let node: Node = "relay".parse().unwrap();
    let limits = Retention {
        min_free_percent: 0,
        ..Retention::default()
    };
    let file = |second: i64| {
        let id = FileId {
            start: moment(second).utc,
            sequence: 0,
        };
        let path = recover::path(folder.path(), &node, id, FileKind::Closed);
        fs::write(path, [0; 100]).unwrap();
    };
    let removed = |second: i64| {
        let now = moment(second).utc;
        let applied = retention::apply(folder.path(), &node, now, &limits, &LocalDisk);
        applied.unwrap().files
    };
    (0..48).for_each(|hour| file(hour * HOUR));
    let year = 365 * 24 * HOUR;
    for hour in 48..72 {
        assert_eq!(removed(year + hour * HOUR), 0, "hour {hour}");
        file(year + hour * HOUR);
    }
    assert_eq!(removed(year + 72 * HOUR), 48, "it is the time, after all");
    assert_eq!(removed(72 * HOUR), 0, "files of a time to come stay");
}

#[test]
fn after_a_reboot_the_spool_of_the_last_boot_is_closed_and_nothing_is_told_twice() {
    let folder = TempDir::new().unwrap();
    let (mut sink, _) = open(config(folder.path()));
    (1..=3).for_each(|flow| sink.write(Some(id(flow)), record(false)));
    commit(&mut sink);
    drop(sink);
    let booted = SinkConfig {
        lineage: Lineage(LINEAGE.0 + 1),
        ..config(folder.path())
    };
    let (mut sink, recovered) = open(booted);
    assert_eq!(
        sink.totals().written.flows,
        0,
        "the new maps have counted nothing"
    );
    assert!(
        !recovered.holds(sink.totals().lineage, id(1)),
        "ids begin anew"
    );
    // As the flows of the new maps are numbered.
    sink.write(Some(id(1)), record(false));
    commit(&mut sink);
    sink.close(moment(9).utc).unwrap();
    assert_eq!(statistics(&closed_lines(folder.path())).flows, 4);
}

#[test]
fn records_of_other_maps_go_to_the_next_file_with_sums_of_their_own() {
    let folder = TempDir::new().unwrap();
    let (mut sink, recovered) = open(config(folder.path()));
    (1..=3).for_each(|flow| sink.write(Some(id(flow)), record(false)));
    let next = Lineage(LINEAGE.0 + 1);
    sink.go_on_as(next, &recovered, moment(1)).unwrap();
    assert_eq!(
        (sink.totals().lineage, sink.totals().written.flows),
        (next, 0)
    );
    sink.write(Some(id(1)), record(false));
    commit(&mut sink);
    drop(sink);
    let (sink, recovered) = open(config(folder.path()));
    assert!(recovered.holds(next, id(1)) && !recovered.holds(LINEAGE, id(1)));
    sink.close(moment(9).utc).unwrap();
    assert_eq!(statistics(&closed_lines(folder.path())).flows, 4);
}
