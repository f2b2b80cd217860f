//! What it costs to make publishable records and to write them, on one core: records as the
//! generated mix has them, with far addresses in real countries.

use std::{
    alloc::System,
    fs::{self, File},
    hint::black_box,
    io::{self, Write},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result};
use clap::Parser;
use collector::{
    anomalies::{Detector, Sighting, WINDOW},
    locate::{
        Surroundings,
        country::{Files, Source},
    },
    pipeline::{Recorder, SampleLimits, WallClock},
    sink::{
        Limits, Outside, Sink, SinkConfig,
        disk::LocalDisk,
        entry::{Entered, Lineage, SpoolId},
        retention::Retention,
    },
};
use collector_common::schema::{
    Header, Level, Line, PayloadMode, PublicRecord, SCHEMA_VERSION, Start, TimeZone,
};
use collector_tests::mixed::{BEGIN, Records};
use nix::time::{ClockId, clock_gettime};
use tempfile::TempDir;
use zeroizing_alloc::ZeroAlloc;

/// As in the agent.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// Records a second, and bytes a record.
#[derive(Parser)]
struct Arguments {
    /// Records of a run
    #[arg(long, default_value_t = 1_000_000)]
    records: usize,
    /// Runs; the table has medians
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
    runs: u8,
    /// What is told: aggregate, coarse or thesis
    #[arg(long, default_value = "coarse", value_parser = level)]
    level: Level,
    /// Flows of the mix that the records are drawn from
    #[arg(long, default_value_t = 20_000)]
    flows: u64,
    /// Records between two commits
    #[arg(long, default_value_t = 100_000)]
    commit: usize,
    /// Country data in the place of tor's files, as of `collector run --geo`
    #[arg(long)]
    geo: Option<std::path::PathBuf>,
    /// Where the files go and stay [default: a temporary folder]
    #[arg(long)]
    out: Option<std::path::PathBuf>,
}

fn level(name: &str) -> Result<Level, String> {
    serde_json::from_value(name.into()).map_err(|_| "aggregate, coarse or thesis".to_owned())
}

/// Records that are made at a time: they fit the processor's caches, as one that just ended does.
const BATCH: usize = 1000;
/// Batches of a minute: 1,000 flows a second.
const BATCHES_A_WINDOW: u64 = 60;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let source = Source::open(Files {
        geo: arguments.geo.clone(),
        ..Files::default()
    })?;
    let surroundings = Surroundings {
        countries: source.current(),
        ..Surroundings::default()
    };
    let mut records = Records::of_mix(arguments.flows, surroundings)?;
    let mut runs = Vec::new();
    for number in 1..=arguments.runs {
        eprintln!("bench: run {number}");
        runs.push(run(&arguments, &mut records)?);
    }
    print(&arguments, &runs);
    Ok(())
}

/// What one run took, of the processor, and wrote.
#[derive(Clone, Copy, Default)]
struct Run {
    locate: Duration,
    /// Looking for anomalies, places given.
    detect: Duration,
    /// Locating included.
    anonymize: Duration,
    /// Queue and commits.
    write: Duration,
    close: Duration,
    floor: Duration,
    /// Flows with a line.
    lines: u64,
    /// Of files, bytes.
    spool: u64,
    closed: u64,
    day: u64,
    floor_file: u64,
}

fn run(arguments: &Arguments, records: &mut Records) -> Result<Run> {
    let scratch = TempDir::new()?;
    let folder = arguments.out.as_deref().unwrap_or(scratch.path());
    let (level, clock) = (arguments.level, WallClock::default());
    let mut recorder = Recorder::new(
        SampleLimits::default(),
        records.surroundings().clone(),
        BEGIN,
    );
    let config = config(folder, level)?;
    let (mut sink, _) = Sink::open(config, Box::new(LocalDisk), clock.moment(BEGIN))?;
    let mut detector = Detector::default();
    let mut floor = Floor::create(&scratch.path().join("floor.zst"), level)?;
    let mut run = Run::default();
    for number in 1..=arguments.records / BATCH {
        let batch = records.take(BATCH);
        timed(&mut run.locate, || {
            batch.iter().for_each(|record| {
                black_box(recorder.places(record));
            });
        });
        let places: Vec<_> = batch.iter().map(|record| recorder.places(record)).collect();
        timed(&mut run.detect, || {
            detector.advance(number as u64 * WINDOW / BATCHES_A_WINDOW, clock);
            for (record, places) in batch.iter().zip(&places) {
                let sighting = Sighting::of(record, places);
                sighting.iter().for_each(|sighting| detector.see(sighting));
            }
        });
        let entered: Vec<Entered> = timed(&mut run.anonymize, || {
            let published = batch.iter().map(|record| {
                let places = recorder.places(record);
                recorder.publish(record, &places, level, clock)
            });
            published.collect()
        });
        run.lines += entered.iter().filter(|one| has_line(one)).count() as u64;
        timed(&mut run.floor, || floor.write(&entered))?;
        let ids = batch.iter().map(|record| SpoolId {
            flow: record.flow.entry.id,
            part: 0,
        });
        timed(&mut run.write, || {
            for (id, record) in ids.zip(entered) {
                sink.write(Some(id), record);
            }
        });
        if (number * BATCH).is_multiple_of(arguments.commit) {
            timed(&mut run.write, || sink.commit(Outside::default()))?;
        }
    }
    timed(&mut run.write, || sink.commit(Outside::default()))?;
    run.spool = size(folder, |name| {
        name.starts_with("flows-") && name.ends_with(".open")
    })?;
    timed(&mut run.close, || sink.close(clock.utc(BEGIN)))?;
    run.closed = size(folder, |name| {
        name.starts_with("flows-") && name.ends_with(".zst")
    })?;
    run.day = size(folder, |name| name.starts_with("day-"))?;
    run.floor_file = timed(&mut run.floor, || floor.finish())?;
    Ok(run)
}

/// Adds the processor's time of `work` to `sum`.
fn timed<R>(sum: &mut Duration, work: impl FnOnce() -> R) -> R {
    let now =
        || clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(Duration::ZERO, Duration::from);
    let start = now();
    let done = work();
    *sum += now().saturating_sub(start);
    done
}

fn has_line(record: &Entered) -> bool {
    !record.kind.traits.failed
}

fn config(folder: &Path, level: Level) -> Result<SinkConfig> {
    Ok(SinkConfig {
        folder: folder.to_owned(),
        node: "bench".parse().ok().context("a plain name")?,
        header: Header {
            schema: SCHEMA_VERSION,
            node: "bench".to_owned(),
            time_zone: TimeZone::Utc,
            level,
            k: level.k(),
            dp: None,
            geo: None,
            relays: Vec::new(),
            exclusions: 0,
            payload: PayloadMode::Sample,
            meter: "bench".to_owned(),
        },
        lineage: Lineage::default(),
        write_failed: false,
        ends: true,
        limits: Limits {
            retention: Retention {
                min_free_percent: 0,
                ..Retention::keeps_all()
            },
            ..Limits::default()
        },
    })
}

fn size(folder: &Path, counts: impl Fn(&str) -> bool) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&counts) {
            sum += entry.metadata()?.len();
        }
    }
    Ok(sum)
}

/// The least that a program does which writes the same lines: neither ids nor commits nor the
/// k rule nor days.
struct Floor {
    encoder: zstd::Encoder<'static, File>,
    level: Level,
    text: Vec<u8>,
}

impl Floor {
    fn create(path: &Path, level: Level) -> io::Result<Self> {
        let encoder = zstd::Encoder::new(File::create_new(path)?, 3)?;
        Ok(Self {
            encoder,
            level,
            text: Vec::new(),
        })
    }

    fn write(&mut self, records: &[Entered]) -> Result<()> {
        let level = self.level;
        for Entered { kind, start, size } in records.iter().filter(|one| has_line(one)) {
            let line = Line::Flow(PublicRecord {
                start: Start::from_minutes(*start),
                traits: kind.traits.clone(),
                packets: level.packets(size.sum.packets),
                bytes: level.bytes(size.sum.bytes),
                duration_ms: level.duration_ms(size.duration_ms),
            });
            serde_json::to_writer(&mut self.text, &line)?;
            self.text.push(b'\n');
        }
        self.encoder.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }

    /// Gives the file's size.
    fn finish(self) -> io::Result<u64> {
        let file = self.encoder.finish()?;
        file.sync_data()?;
        Ok(file.metadata()?.len())
    }
}

fn print(arguments: &Arguments, runs: &[Run]) {
    let records = arguments.records as f64;
    let lines = median(runs, |run| run.lines as f64);
    println!(
        "{records} records of the mix, {lines} with a line, level {:?}; processor time, medians of \
         {} runs",
        arguments.level, arguments.runs
    );
    println!(
        "{:28}{:>12}{:>14}{:>8}",
        "", "ns/record", "records/s", "ratio"
    );
    let floor = median(runs, |run| run.floor.as_secs_f64());
    let time = |name: &str, of: fn(&Run) -> Duration| {
        let seconds = median(runs, |run| of(run).as_secs_f64());
        println!(
            "{name:28}{:>12.0}{:>14.0}{:>8.2}",
            1e9 * seconds / records,
            records / seconds,
            seconds / floor
        );
    };
    time("locate", |run| run.locate);
    time("locate, anonymize", |run| run.anonymize);
    time("write to the spool", |run| run.write);
    time("look for anomalies", |run| run.detect);
    time("locate, anonymize, write", |run| run.anonymize + run.write);
    time("close", |run| run.close);
    time("all", |run| run.anonymize + run.write + run.close);
    time("JSON by serde, zstd 3", |run| run.floor);
    println!("{:28}{:>12}{:>14}", "", "B/record", "B/line");
    let bytes = |name: &str, of: fn(&Run) -> u64| {
        let bytes = median(runs, |run| of(run) as f64);
        println!("{name:28}{:>12.2}{:>14.2}", bytes / records, bytes / lines);
    };
    bytes("spool", |run| run.spool);
    bytes("closed file", |run| run.closed);
    bytes("day file", |run| run.day);
    bytes("JSON by serde, zstd 3", |run| run.floor_file);
}

fn median(runs: &[Run], of: impl Fn(&Run) -> f64) -> f64 {
    let mut all: Vec<f64> = runs.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}
