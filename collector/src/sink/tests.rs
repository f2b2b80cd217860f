use std::{
    fs::{self, File},
    os::unix::fs::{FileExt, PermissionsExt},
    sync::{Arc, Mutex},
};

use collector_common::{
    expiry::End,
    flow::OpenerBasis,
    schema::{
        Confidence, Country, Dimension, Label, Leg, LegBasis, Level, Line, Method, Outcome,
        PayloadMode, Port, Sample, Sum, TimeZone, Traits, Transport,
    },
};
use proptest::prelude::*;
use tempfile::TempDir;

use super::{
    disk::{LocalDisk, Space},
    entry::{Kind, Row, Size},
    *,
};

mod crash;
mod release;

const LINEAGE: Lineage = Lineage(7);
const TALLY: Tally = Tally {
    packets: 10,
    bytes: 1000,
};

/// A disk that tests fill: after `room` bytes it tears the write and fails.
#[derive(Clone, Debug)]
struct SmallDisk(Arc<Mutex<Space>>);

impl SmallDisk {
    fn with_room(available: u64) -> Self {
        Self(Arc::new(Mutex::new(Space {
            total: 1 << 30,
            available,
        })))
    }

    fn set_room(&self, available: u64) {
        self.0.lock().unwrap().available = available;
    }
}

impl Disk for SmallDisk {
    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut space = self.0.lock().unwrap();
        let fits = bytes.len().min(space.available as usize);
        file.write_all_at(&bytes[..fits], offset)?;
        space.available -= fits as u64;
        if fits < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn sync(&mut self, _file: &File) -> io::Result<()> {
        Ok(())
    }

    fn space(&self, _folder: &Path) -> io::Result<Space> {
        Ok(*self.0.lock().unwrap())
    }
}

fn header() -> Header {
    Header {
        schema: collector_common::schema::SCHEMA_VERSION,
        node: "relay".into(),
        time_zone: TimeZone::Utc,
        level: Level::Coarse,
        k: Level::Coarse.k(),
        dp: None,
        geo: None,
        relays: Vec::new(),
        exclusions: 0,
        payload: PayloadMode::Sample,
        meter: "0.1.0".into(),
    }
}

fn config(folder: &Path) -> SinkConfig {
    let retention = Retention {
        min_free_percent: 0,
        ..Retention::default()
    };
    SinkConfig {
        folder: folder.to_owned(),
        node: "relay".parse().unwrap(),
        header: header(),
        lineage: LINEAGE,
        write_failed: false,
        ends: true,
        limits: Limits {
            retention,
            ..Limits::default()
        },
    }
}

fn moment(second: i64) -> Moment {
    let start: Timestamp = "2026-11-22T15:00:00Z".parse().unwrap();
    Moment {
        boot: second as u64 * 1_000_000_000,
        utc: Timestamp::from_second(start.as_second() + second).unwrap(),
    }
}

fn open(config: SinkConfig) -> (Sink, Recovered) {
    Sink::open(config, Box::new(LocalDisk), moment(0)).unwrap()
}

pub(super) fn record(failed: bool) -> Entered {
    let outcome = if failed {
        Outcome::NoAnswer
    } else {
        Outcome::Answered
    };
    let traits = Traits {
        leg: Leg::Exit,
        leg_basis: LegBasis::Port,
        transport: Transport::Tcp,
        ip_version: 4,
        label: Label::of("TLS"),
        category: "Web".into(),
        method: Method::Dpi,
        guessed: false,
        confidence: Confidence::Certain,
        sample: Sample::Whole,
        source_country: Country::NOWHERE,
        destination_country: Country::UNKNOWN,
        source_proxy: None,
        destination_proxy: None,
        destination_port: Some(Port::of(443)),
        user_agent: None,
        content_type: None,
        end: End::Finished,
        outcome,
        failed,
        opener_basis: OpenerBasis::Syn,
    };
    Entered {
        kind: Kind {
            traits,
            agent_family: None,
            relay: None,
        },
        start: moment(0).utc.as_second() / 60,
        size: Size {
            sum: Sum::one(TALLY),
            duration_ms: 5,
        },
    }
}

fn id(flow: u64) -> SpoolId {
    SpoolId { flow, part: 0 }
}

fn commit(sink: &mut Sink) {
    sink.commit(Outside::default()).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn path_of(folder: &Path, suffix: &str) -> PathBuf {
    let name = names(folder)
        .into_iter()
        .find(|name| name.ends_with(suffix))
        .unwrap();
    folder.join(name)
}

fn lines(path: &Path) -> Vec<Line> {
    let text = zstd::decode_all(File::open(path).unwrap()).unwrap();
    let text = String::from_utf8(text).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Lines of every closed file of flows.
fn closed_lines(folder: &Path) -> Vec<Line> {
    names(folder)
        .iter()
        .filter(|name| name.starts_with("flows-") && name.ends_with(".zst"))
        .flat_map(|name| lines(&folder.join(name)))
        .collect()
}

fn statistics(lines: &[Line]) -> Sum {
    let mut sum = Sum::default();
    for line in lines {
        if let Line::Statistics(statistics) = line {
            sum.add(statistics.all);
        }
    }
    sum
}

fn flows(lines: &[Line]) -> usize {
    let is_flow = |line: &&Line| matches!(line, Line::Flow(_));
    lines.iter().filter(is_flow).count()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn folder_spool_and_file_are_for_their_owner_only() {
    let root = TempDir::new().unwrap();
    let folder = root.path().join("new/out");
    let (mut sink, _) = open(config(&folder));
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&path_of(&folder, ".open")), 0o600);
    sink.write(Some(id(1)), record(false));
    commit(&mut sink);
    sink.close(moment(1).utc).unwrap();
    assert_eq!(
        names(&folder),
        [
            "day-relay-20261122-0000.ndjson.zst",
            "flows-relay-20261122T150000Z-0000.ndjson.zst"
        ]
    );
    assert_eq!(mode(&path_of(&folder, ".zst")), 0o600);
}

#[test]
fn a_committed_spool_is_readable_by_every_zstd_reader_and_ends_with_sums() {
    let folder = TempDir::new().unwrap();
    let (mut sink, _) = open(config(folder.path()));
    sink.write(Some(id(1)), record(false));
    sink.write(Some(id(2)), record(true));
    commit(&mut sink);
    let text = zstd::decode_all(File::open(path_of(folder.path(), ".open")).unwrap()).unwrap();
    let lines: Vec<&str> = str::from_utf8(&text).unwrap().lines().collect();
    assert!(lines[0].starts_with(r#"{"type":"header","#));
    assert!(Row::parse(lines[3]).is_some());
    let is_ids = |line: &&str| line.starts_with(r#"{"type":"ids","ranges":[[1,2]]"#);
    assert_eq!(lines.iter().filter(|line| is_ids(line)).count(), 1);
    let Ok(Entry::Totals(totals)) = serde_json::from_str(lines.last().unwrap()) else {
        panic!("totals end a frame");
    };
    assert_eq!((totals.written.flows, totals.written.packets), (2, 20));
}

#[test]
fn a_spool_is_told_each_kind_once_and_the_next_one_anew() {
    let folder = TempDir::new().unwrap();
    let (mut sink, _) = open(config(folder.path()));
    let kinds = || {
        let spool = File::open(path_of(folder.path(), "00.ndjson.zst.open")).unwrap();
        let text = String::from_utf8(zstd::decode_all(spool).unwrap()).unwrap();
        text.matches(r#"{"type":"kind""#).count()
    };
    for flow in 0..4 {
        sink.write(Some(id(flow)), record(flow % 2 == 0));
        commit(&mut sink);
        assert_eq!(kinds(), 2.min(flow as usize + 1));
    }
    sink.write(Some(id(4)), record(false));
    sink.rotate(moment(3600)).unwrap();
    assert_eq!(kinds(), 0);
    sink.write(Some(id(5)), record(false));
    commit(&mut sink);
    assert_eq!(kinds(), 1);
    sink.close(moment(3601).utc).unwrap();
    let lines = closed_lines(folder.path());
    assert_eq!((flows(&lines), statistics(&lines).flows), (4, 6));
}

#[test]
fn of_too_many_kinds_each_record_keeps_its_own() {
    let folder = TempDir::new().unwrap();
    let mut config = config(folder.path());
    config.header.level = Level::Thesis;
    let (mut sink, _) = open(config);
    for port in (0..40_000_u16).chain(0..100) {
        let mut record = record(false);
        record.kind.traits.destination_port = Some(Port::Number(port));
        sink.write(Some(id(port.into())), record);
        if port % 5000 == 0 {
            commit(&mut sink);
        }
    }
    sink.close(moment(1).utc).unwrap();
    let mut told = vec![0; 40_000];
    for line in closed_lines(folder.path()) {
        if let Line::Flow(flow) = line
            && let Some(Port::Number(port)) = flow.traits.destination_port
        {
            told[usize::from(port)] += 1;
        }
    }
    let twice = told.iter().filter(|count| **count == 2).count();
    assert_eq!((twice, told.iter().sum::<u32>()), (100, 40_100));
}

#[test]
fn nothing_is_written_when_nothing_changed() {
    let folder = TempDir::new().unwrap();
    let (mut sink, _) = open(config(folder.path()));
    sink.write(Some(id(1)), record(false));
    commit(&mut sink);
    let spool = path_of(folder.path(), ".open");
    let before = fs::metadata(&spool).unwrap().len();
    commit(&mut sink);
    assert_eq!(fs::metadata(&spool).unwrap().len(), before);
    let outside = Outside {
        late_written: TALLY,
        ..Outside::default()
    };
    sink.commit(outside).unwrap();
    assert!(fs::metadata(&spool).unwrap().len() > before);
}

#[test]
fn a_closed_file_has_no_ids_and_no_order_of_ending() {
    let folder = TempDir::new().unwrap();
    let (mut sink, _) = open(config(folder.path()));
    for (flow, label) in [(3, "TLS"), (1, "HTTP"), (2, "SSH")] {
        let mut record = record(false);
        record.kind.traits.label = Label::of(label);
        sink.write(Some(id(flow)), record);
        sink.write(Some(id(flow + 10)), self::record(true));
        commit(&mut sink);
    }
    sink.close(moment(1).utc).unwrap();
    let lines = closed_lines(folder.path());
    let labels: Vec<&str> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Flow(flow) => Some(flow.traits.label.master.as_ref()),
            _ => None,
        })
        .collect();
    assert_eq!(labels, ["HTTP", "SSH", "TLS"]);
    assert!(matches!(&lines[4], Line::Failed(cell) if cell.flows == 3));
    assert!(matches!(&lines[5], Line::Statistics(line) if line.leg == Leg::Other));
    assert!(matches!(&lines[6], Line::Counters(_)));
    assert_eq!(lines.len(), 7);
    assert_eq!(statistics(&lines).packets, 60);
}

#[test]
fn failed_flows_get_lines_when_asked_for() {
    let folder = TempDir::new().unwrap();
    let (mut sink, _) = open(SinkConfig {
        write_failed: true,
        ..config(folder.path())
    });
    sink.write(Some(id(1)), record(true));
    sink.close(moment(1).utc).unwrap();
    assert_eq!(flows(&closed_lines(folder.path())), 1);
}

#[test]
fn a_run_without_records_leaves_no_file() {
    let folder = TempDir::new().unwrap();
    let (sink, _) = open(config(folder.path()));
    sink.close(moment(1).utc).unwrap();
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn a_full_disk_loses_nothing_once_there_is_room_again() {
    let folder = TempDir::new().unwrap();
    let disk = SmallDisk::with_room(1 << 20);
    let (mut sink, _) =
        Sink::open(config(folder.path()), Box::new(disk.clone()), moment(0)).unwrap();
    sink.write(Some(id(1)), record(false));
    commit(&mut sink);
    let spool = path_of(folder.path(), ".open");
    let before = fs::read(&spool).unwrap();
    for room in [0, 1, 40] {
        disk.set_room(room);
        sink.write(Some(id(10 + room)), record(false));
        assert!(sink.commit(Outside::default()).is_err());
        assert_eq!(fs::read(&spool).unwrap(), before, "no torn frame stays");
    }
    disk.set_room(1 << 20);
    commit(&mut sink);
    assert_eq!(sink.queued(), 0);
    sink.close(moment(1).utc).unwrap();
    let lines = closed_lines(folder.path());
    assert_eq!((flows(&lines), statistics(&lines).flows), (4, 4));
}

#[test]
fn beyond_the_queue_records_are_counted_as_unwritten() {
    let folder = TempDir::new().unwrap();
    let disk = SmallDisk::with_room(1 << 20);
    let mut config = config(folder.path());
    config.limits.queue = 3000;
    let (mut sink, _) = Sink::open(config, Box::new(disk.clone()), moment(0)).unwrap();
    disk.set_room(0);
    assert!(sink.commit(Outside::default()).is_ok(), "nothing to write");
    for flow in 0..100 {
        sink.write(Some(id(flow)), record(false));
        assert!(sink.commit(Outside::default()).is_err());
    }
    let totals = sink.totals().clone();
    assert!(totals.unwritten.flows > 20 && sink.queued() < 5000);
    assert_eq!(totals.unwritten.packets + totals.written.packets, 1000);
    disk.set_room(1 << 20);
    commit(&mut sink);
    sink.close(moment(1).utc).unwrap();
    let sum = statistics(&closed_lines(folder.path()));
    assert_eq!(sum, totals.written);
}

#[test]
fn a_file_that_could_not_be_closed_is_closed_later() {
    let folder = TempDir::new().unwrap();
    let disk = SmallDisk::with_room(1 << 20);
    let (mut sink, _) =
        Sink::open(config(folder.path()), Box::new(disk.clone()), moment(0)).unwrap();
    sink.write(Some(id(1)), record(false));
    commit(&mut sink);
    disk.set_room(300);
    assert!(sink.rotate(moment(3600)).is_err());
    assert_eq!(closed_lines(folder.path()).len(), 0);
    disk.set_room(1 << 20);
    sink.close(moment(3601).utc).unwrap();
    assert_eq!(flows(&closed_lines(folder.path())), 1);
}

#[test]
fn the_room_that_is_to_stay_free_is_not_written_to() {
    let folder = TempDir::new().unwrap();
    let disk = SmallDisk::with_room(1 << 30);
    let mut config = config(folder.path());
    config.limits.retention.min_free_percent = 5;
    let (mut sink, _) = Sink::open(config, Box::new(disk.clone()), moment(0)).unwrap();
    sink.write(Some(id(1)), record(false));
    disk.set_room((1 << 30) / 20 - 1000);
    assert!(sink.commit(Outside::default()).is_err());
    disk.set_room(1 << 29);
    commit(&mut sink);
}

#[test]
fn old_files_go_by_age_and_by_size_oldest_first() {
    let folder = TempDir::new().unwrap();
    let file = |stamp: &str| {
        let name = format!("flows-relay-{stamp}-0000.ndjson.zst");
        fs::write(folder.path().join(&name), [0; 100]).unwrap();
        name
    };
    file("20260101T000000Z");
    let middle = file("20261101T000000Z");
    let newest = file("20261102T000000Z");
    let other = "flows-other-20260101T000000Z-0000.ndjson.zst";
    fs::write(folder.path().join(other), [0; 100]).unwrap();
    let node: Node = "relay".parse().unwrap();
    let apply = |limits: &Retention, disk: &SmallDisk| {
        retention::apply(folder.path(), &node, moment(0).utc, limits, disk).unwrap()
    };
    let roomy = SmallDisk::with_room(1 << 30);
    let limits = Retention::default();
    let gone = apply(&limits, &roomy);
    assert_eq!((gone.files, gone.bytes), (1, 100));
    assert_eq!(names(folder.path()), [other, &middle, &newest]);
    assert_eq!(apply(&limits, &SmallDisk::with_room(0)).files, 1);
    assert_eq!(names(folder.path()), [other, &newest], "the newest stays");
    let small = Retention {
        max_bytes: 99,
        ..limits
    };
    assert_eq!(apply(&small, &roomy).files, 1);
    assert_eq!(names(folder.path()), [other]);
}

#[test]
fn the_files_of_a_replay_stay_however_old_or_many_and_no_room_is_taken_for_them() {
    let folder = TempDir::new().unwrap();
    let disk = SmallDisk::with_room(1 << 30);
    let mut config = config(folder.path());
    config.limits.retention = Retention {
        max_bytes: 0,
        ..Retention::keeps_all()
    };
    let (mut sink, _) = Sink::open(config, Box::new(disk.clone()), moment(0)).unwrap();
    for days in [0, 100, 200] {
        sink.write(Some(id(days)), record(false));
        commit(&mut sink);
        sink.rotate(moment(days as i64 * 86_400 + 1)).unwrap();
    }
    disk.set_room(1000);
    sink.write(Some(id(1)), record(false));
    assert!(sink.commit(Outside::default()).is_err());
    disk.set_room(1 << 30);
    sink.rotate(moment(300 * 86_400)).unwrap();
    assert_eq!(sink.removed(), retention::Removed::default());
    assert_eq!(flows(&closed_lines(folder.path())), 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn statistics_and_failed_counters_add_up_to_what_went_in(
        records in prop::collection::vec(
            (any::<bool>(), 0..3i64, 0..1u64 << 40, 0..3u8), 1..40),
        rotate_at in 0..40usize,
    ) {
        let folder = TempDir::new().unwrap();
        let disk = SmallDisk::with_room(1 << 29);
        let (mut sink, _) =
            Sink::open(config(folder.path()), Box::new(disk), moment(0)).unwrap();
        let (mut all, mut failed) = (Sum::default(), Sum::default());
        for (index, (fails, hour, bytes, outcome)) in records.iter().enumerate() {
            let tally = Tally { packets: bytes / 100, bytes: *bytes };
            let mut record = record(*fails);
            record.start += hour * 60;
            record.size.sum = Sum::one(tally);
            record.kind.traits.outcome =
                [Outcome::Answered, Outcome::Refused, Outcome::NoAnswer][usize::from(*outcome)];
            all.add(Sum::one(tally));
            if *fails {
                failed.add(Sum::one(tally));
            }
            sink.write(Some(id(index as u64)), record);
            if index % 3 == 0 {
                commit(&mut sink);
            }
            if index == rotate_at {
                sink.rotate(moment(1)).unwrap();
            }
        }
        prop_assert_eq!(sink.totals().written, all);
        sink.close(moment(2).utc).unwrap();
        let lines = closed_lines(folder.path());
        prop_assert_eq!(statistics(&lines), all);
        let mut parts = Sum::default();
        let mut cells = Sum::default();
        for line in &lines {
            match line {
                Line::Statistics(line) => {
                    parts.add(line.answered);
                    parts.add(line.refused);
                    parts.add(line.no_answer);
                }
                Line::Failed(cell) => cells.add(Sum {
                    flows: cell.flows,
                    packets: cell.packets,
                    bytes: cell.bytes,
                }),
                _ => {}
            }
        }
        prop_assert_eq!(parts, all);
        prop_assert_eq!(cells, failed);
        prop_assert_eq!(flows(&lines) as u64, all.flows - failed.flows);
    }
}

#[test]
fn days_that_were_counted_at_another_level_are_told_at_that() {
    let folder = TempDir::new().unwrap();
    let mut thesis = config(folder.path());
    thesis.ends = false;
    thesis.header.level = Level::Thesis;
    let (mut sink, _) = open(thesis);
    for flow in 0..30 {
        let mut record = record(false);
        record.kind.traits.destination_port = Some(Port::Number(4444));
        sink.write(Some(id(flow)), record);
    }
    sink.close(moment(1).utc).unwrap();
    assert!(
        !names(folder.path())
            .iter()
            .any(|name| name.starts_with("day-"))
    );
    let mut coarse = config(folder.path());
    coarse.ends = false;
    open(coarse);
    let lines = lines(&path_of(folder.path(), "20261122-0000.ndjson.zst"));
    assert!(matches!(&lines[0], Line::Header(header) if header.level == Level::Thesis));
    let port = |line: &Line| matches!(line, Line::Day(cell) if cell.key == "4444");
    assert!(lines.iter().any(port));
}
