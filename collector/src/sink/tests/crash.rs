//! What is left when the meter is killed.

use collector_common::schema::{AnomalyKind, AnomalyTraits, Counters, Direction, Hour, Volume};

use super::*;

#[test]
fn a_spool_cut_anywhere_keeps_its_complete_frames_and_says_how_much_went() {
    let folder = TempDir::new().unwrap();
    let (mut sink, _) = open(config(folder.path()));
    let spool = path_of(folder.path(), ".open");
    let length = || fs::metadata(&spool).unwrap().len() as usize;
    let mut ends = vec![0, length()];
    for flow in 1..=4 {
        sink.write(Some(id(flow)), record(flow % 2 == 0));
        commit(&mut sink);
        ends.push(length());
    }
    let whole = fs::read(&spool).unwrap();
    let node: Node = "relay".parse().unwrap();
    for cut in 0..=whole.len() {
        fs::write(&spool, &whole[..cut]).unwrap();
        let frames = ends.iter().filter(|end| **end <= cut).count() - 1;
        let recovered = recover::scan(folder.path(), &node).unwrap();
        assert_eq!(recovered.torn_bytes as usize, cut - ends[frames]);
        for flow in 1..=4 {
            let expected = (flow as usize) < frames;
            assert_eq!(recovered.holds(LINEAGE, id(flow)), expected, "cut at {cut}");
        }
        let written = recovered.totals_of(LINEAGE).map(|totals| totals.written);
        assert_eq!(
            written.unwrap_or_default().flows as usize,
            frames.saturating_sub(1)
        );
    }
}

#[test]
fn anomalies_outlive_a_crash_and_a_file_without_flows_and_add_up_by_the_hour() {
    let folder = TempDir::new().unwrap();
    let anomaly = Anomaly {
        hour: Hour::of(moment(0).utc),
        traits: AnomalyTraits {
            leg: Leg::Exit,
            kind: AnomalyKind::HostScan,
            direction: Direction::Out,
            port_class: None,
        },
        starts: 1,
        flows: 500,
        packets: 700,
    };
    let (mut sink, _) = open(config(folder.path()));
    for _ in 0..2 {
        sink.note(&[anomaly]);
        commit(&mut sink);
    }
    drop(sink);
    let (sink, _) = open(config(folder.path()));
    sink.close(moment(1).utc).unwrap();
    let twice = Anomaly {
        starts: 2,
        flows: 1000,
        packets: 1400,
        ..anomaly
    };
    assert_eq!(closed_lines(folder.path())[1..], [Line::Anomaly(twice)]);
}

#[test]
fn a_commit_of_many_frames_is_there_as_a_whole_or_not_at_all() {
    const RECORDS: u64 = 400_000;
    let folder = TempDir::new().unwrap();
    let (mut sink, _) = open(config(folder.path()));
    let spool = path_of(folder.path(), ".open");
    let first = fs::metadata(&spool).unwrap().len();
    for flow in 0..RECORDS {
        sink.write(Some(id(flow)), record(false));
    }
    assert!(sink.queued() < 24 << 20, "text is packed while it waits");
    commit(&mut sink);
    let bytes = fs::read(&spool).unwrap();
    assert!(frame::Frames::new(&bytes[first as usize..]).count() > 2);
    fs::write(&spool, &bytes[..bytes.len() - 1]).unwrap();
    let recovered = recover::scan(folder.path(), &"relay".parse().unwrap()).unwrap();
    assert!(!recovered.holds(LINEAGE, id(0)));
    assert_eq!(recovered.torn_bytes, bytes.len() as u64 - 1 - first);
    fs::write(&spool, &bytes).unwrap();
    drop(sink);
    let (_, recovered) = open(config(folder.path()));
    assert!(recovered.holds(LINEAGE, id(0)));
    assert_eq!(statistics(&closed_lines(folder.path())).flows, RECORDS);
}

#[test]
fn after_a_crash_files_are_closed_and_sums_go_on() {
    let folder = TempDir::new().unwrap();
    let (mut sink, _) = open(config(folder.path()));
    sink.write(Some(id(1)), record(false));
    commit(&mut sink);
    drop(sink);
    let spool = path_of(folder.path(), ".open");
    let mut bytes = fs::read(&spool).unwrap();
    bytes.extend_from_within(..20);
    fs::write(&spool, bytes).unwrap();
    let (mut sink, recovered) = open(config(folder.path()));
    assert_eq!(recovered.torn_bytes, 20);
    assert!(recovered.holds(LINEAGE, id(1)));
    assert!(
        !recovered.holds(Lineage(8), id(1)),
        "ids are of one lineage"
    );
    assert!(recovered.left.is_empty());
    assert_eq!(flows(&closed_lines(folder.path())), 1);
    sink.write(Some(id(2)), record(false));
    commit(&mut sink);
    assert_eq!(sink.totals().written.packets, 20);
    sink.close(moment(1).utc).unwrap();
    assert_eq!(statistics(&closed_lines(folder.path())).flows, 2);
}

#[test]
fn a_second_crash_right_after_the_first_still_knows_ids_and_sums() {
    let folder = TempDir::new().unwrap();
    let (mut sink, _) = open(config(folder.path()));
    sink.write(Some(id(1)), record(false));
    commit(&mut sink);
    drop(sink);
    for _ in 0..3 {
        let (_, recovered) = open(config(folder.path()));
        assert!(recovered.holds(LINEAGE, id(1)));
        assert_eq!(recovered.totals_of(LINEAGE).unwrap().written.flows, 1);
        assert_eq!(flows(&closed_lines(folder.path())), 1, "and never twice");
    }
}

#[test]
fn crashes_right_after_a_rotation_still_know_the_cuts_of_the_last_passes() {
    let folder = TempDir::new().unwrap();
    let (mut sink, _) = open(config(folder.path()));
    let passes = 1 + PASSES_TO_SETTLE as u64;
    for pass in 1..=passes {
        // More than one slice.
        for flow in [pass, 10 + pass] {
            let mut cut = record(false);
            cut.kind.traits.end = End::Active;
            sink.write(Some(id(flow)), cut);
            commit(&mut sink);
        }
        sink.write(Some(id(20 + pass)), record(true));
        commit(&mut sink);
        if pass < passes {
            sink.pass_over();
        }
    }
    assert!(!sink.should_rotate(moment(3599).boot));
    assert!(sink.should_rotate(moment(3600).boot));
    sink.rotate(moment(3600)).unwrap();
    drop(sink);
    for _ in 0..3 {
        let (sink, recovered) = open(config(folder.path()));
        for pass in 1..=passes {
            for flow in [pass, 10 + pass] {
                assert_eq!(recovered.holds(LINEAGE, id(flow)), pass > 1);
            }
            assert!(!recovered.holds(LINEAGE, id(20 + pass)), "it is deleted");
        }
        assert_eq!(sink.totals().written.flows, 3 * passes);
    }
}

#[test]
fn a_kill_at_any_step_of_closing_is_made_good() {
    let folder = TempDir::new().unwrap();
    let (mut sink, _) = open(config(folder.path()));
    sink.write(Some(id(1)), record(false));
    commit(&mut sink);
    let spool = path_of(folder.path(), ".open");
    let bytes = fs::read(&spool).unwrap();
    sink.close(moment(1).utc).unwrap();
    let closed = spool.with_extension("");
    let part = closed.with_extension("zst.part");
    // Before the rename, with and without a half-written part; after it, the spool still there.
    for (has_part, has_closed) in [(false, false), (true, false), (false, true), (true, true)] {
        fs::write(&spool, &bytes).unwrap();
        if has_part {
            fs::write(&part, b"half").unwrap();
        }
        if !has_closed {
            fs::remove_file(&closed).unwrap();
        }
        let (sink, recovered) = open(config(folder.path()));
        assert!(recovered.holds(LINEAGE, id(1)));
        sink.close(moment(1).utc).unwrap();
        assert!(
            names(folder.path())
                .iter()
                .all(|name| name.ends_with(".zst"))
        );
        assert_eq!(flows(&closed_lines(folder.path())), 1);
    }
}

/// A disk of which one write fails.
#[derive(Clone, Debug)]
struct Failing(Arc<Mutex<u32>>);

impl Disk for Failing {
    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut left = self.0.lock().unwrap();
        *left = left.saturating_sub(1);
        if *left == 0 {
            return Err(io::ErrorKind::Other.into());
        }
        file.write_all_at(bytes, offset)
    }

    fn sync(&mut self, _file: &File) -> io::Result<()> {
        Ok(())
    }

    fn space(&self, _folder: &Path) -> io::Result<Space> {
        Ok(Space {
            total: 1 << 30,
            available: 1 << 30,
        })
    }
}

#[test]
fn whatever_step_fails_flows_are_told_once_in_lines_in_sums_and_in_days() {
    for step in 1..12 {
        let folder = TempDir::new().unwrap();
        let disk = Failing(Arc::new(Mutex::new(u32::MAX)));
        let (mut sink, _) =
            Sink::open(config(folder.path()), Box::new(disk.clone()), moment(0)).unwrap();
        for flow in 0..30 {
            sink.write(Some(id(flow)), record(flow % 2 == 0));
        }
        commit(&mut sink);
        *disk.0.lock().unwrap() = step;
        drop(sink.close(moment(1).utc));
        let (sink, recovered) = open(config(folder.path()));
        assert!(recovered.left.is_empty(), "{:?}", recovered.left);
        sink.close(moment(2).utc).unwrap();
        let lines = closed_lines(folder.path());
        assert_eq!(
            (flows(&lines), statistics(&lines).flows),
            (15, 30),
            "step {step}"
        );
        assert_eq!(told_in_days(folder.path()), 30, "step {step}");
    }
}

/// Flows in the day files.
fn told_in_days(folder: &Path) -> i64 {
    let days = names(folder)
        .into_iter()
        .filter(|name| name.starts_with("day-"));
    let all = days.flat_map(|name| lines(&folder.join(name)));
    all.map(|line| match line {
        Line::Day(cell) if cell.by == Dimension::All => cell.flows,
        _ => 0,
    })
    .sum()
}

#[test]
fn a_spool_that_is_not_ours_is_left_and_named() {
    let folder = TempDir::new().unwrap();
    let name = "flows-relay-20261122T140000Z-0000.ndjson.zst.open";
    let strange = frame::encode(b"{\"type\":\"address\"}\n", frame::FAST).unwrap();
    fs::write(folder.path().join(name), strange).unwrap();
    let (sink, recovered) = open(config(folder.path()));
    assert_eq!(recovered.left.len(), 1);
    sink.close(moment(1).utc).unwrap();
    assert_eq!(names(folder.path()), [name]);
}

#[test]
fn what_was_seen_after_the_last_record_is_on_the_disk_once_it_is_settled() {
    let folder = TempDir::new().unwrap();
    let (mut sink, _) = open(config(folder.path()));
    sink.write(Some(id(1)), record(false));
    commit(&mut sink);
    let seen = Volume {
        packets: 4000,
        bytes: 240_000,
    };
    let counters = Counters {
        seen,
        ..Counters::default()
    };
    let outside = Outside {
        counters,
        ..Outside::default()
    };
    let node: Node = "relay".parse().unwrap();
    let told = || {
        let recovered = recover::scan(folder.path(), &node).unwrap();
        recovered.totals_of(LINEAGE).unwrap().counters.seen
    };
    sink.commit(outside).unwrap();
    assert_eq!(told(), Volume::default(), "it waits for the next record");
    sink.settle().unwrap();
    assert_eq!(told(), seen);
}

#[test]
fn what_was_seen_without_a_record_is_in_a_file() {
    let folder = TempDir::new().unwrap();
    let (mut sink, _) = open(config(folder.path()));
    let mut outside = Outside::default();
    outside.counters.seen.packets = 4000;
    sink.commit(outside).unwrap();
    sink.close(moment(1).utc).unwrap();
    let lines = closed_lines(folder.path());
    let [_, Line::Counters(line)] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    assert_eq!(line.counters.seen.packets, 4000);
}
