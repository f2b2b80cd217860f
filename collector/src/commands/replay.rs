//! `collector replay`.

mod progress;
mod summary;

use std::{
    path::Path,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use collector_common::schema::Level;
use jiff::Timestamp;
use progress::Progress;
use summary::Summary;
use tracing::{error, info, warn};

use super::{USAGE, fail, finished};
use crate::{
    anonymize::noise::Dp,
    capture::{
        each::EachFolder,
        name::CaptureName,
        protected::{Protected, Publish},
        reader::{Captures, Source, Sources, expand},
        replay::{Counted, Form, Output, Replay, ReplayConfig, Timing, Vantage},
        unprotected::{Unprotect, UnprotectedFile},
    },
    cli,
    locate::leg::Host,
    network::Network,
    settings::{NFSTREAM_ACTIVE, Privacy},
    sink::{SinkConfig, make_folder, retention::Retention},
};

pub(super) fn execute(args: cli::Replay) -> ExitCode {
    let json = args.json;
    match Plan::of(args) {
        Ok(plan) => finished(play(plan, json)),
        Err(error) => fail(&error, USAGE),
    }
}

/// Everything that was asked for, checked; nothing has been written yet.
struct Plan {
    runs: Vec<Run>,
    config: ReplayConfig,
    sink: SinkConfig,
    privacy: Privacy,
}

/// Captures that are one stream.
struct Run {
    captures: Vec<Source>,
    /// What its output is named after, where it has one of its own.
    name: Option<CaptureName>,
}

impl Plan {
    fn of(args: cli::Replay) -> anyhow::Result<Self> {
        let runs = runs(&args)?;
        let metering = &args.metering;
        let mut timeouts = metering.timeouts()?;
        if args.nfstream_timing && !metering.sets_active() {
            timeouts.active = NFSTREAM_ACTIVE;
        }
        let hosts = hosts(&args.host)?;
        let host = Host::Told(hosts.clone());
        let surroundings = metering.sources(host, None, Timestamp::now())?.current();
        // What is unprotected has no level.
        let level = match metering.privacy() {
            Privacy::Off => Level::default(),
            _ => metering.level()?,
        };
        let mut sink = metering.sink(&surroundings, level)?;
        ensure!(
            sink.header.dp.is_none() || !args.each,
            "--dp and --each do not go together: each output would be a release of its own, with \
             the whole of epsilon; say one of them"
        );
        sink.limits.retention = Retention::keeps_all();
        sink.limits.spool_text = FILE_TEXT;
        sink.ends = true;
        if !metering.sets_rotation() || args.each {
            // Hours pass as fast as a capture says; a file for each could be millions.
            sink.limits.spool_age = Duration::MAX;
        }
        let config = ReplayConfig {
            table_size: metering.table_size()?,
            timeouts,
            timing: if args.nfstream_timing {
                Timing::NfStream
            } else {
                Timing::Ticks
            },
            exclusions: metering.exclusions()?,
            sampling: metering.samples_payload(),
            vantage: vantage(hosts),
            surroundings,
            workers: workers(args.workers),
            explain: None,
        };
        Ok(Self {
            runs,
            config,
            sink,
            privacy: metering.privacy(),
        })
    }
}

fn runs(args: &cli::Replay) -> anyhow::Result<Vec<Run>> {
    let Sources { captures, skipped } = expand(&args.files)?;
    for skipped in &skipped {
        warn!("{skipped}");
    }
    ensure!(!captures.is_empty(), "there is no capture in what is named");
    if !args.each {
        let name = None;
        return Ok(vec![Run { captures, name }]);
    }
    let names: Vec<_> = captures
        .iter()
        .map(|capture| capture.file_name().into())
        .collect();
    let names = CaptureName::of_all(&names)?;
    let each = captures.into_iter().zip(names);
    Ok(each
        .map(|(capture, name)| Run {
            captures: vec![capture],
            name: Some(name),
        })
        .collect())
}

fn hosts(named: &[String]) -> anyhow::Result<Vec<Network>> {
    let networks = named.iter().map(|host| host.parse());
    let networks = networks.collect::<anyhow::Result<_>>();
    networks.context("in --host, which takes an address or a prefix and no ports")
}

fn vantage(hosts: Vec<Network>) -> Vantage {
    if hosts.is_empty() {
        return Vantage::Unknown;
    }
    Vantage::Host(hosts)
}

/// As many as asked for, or as there are cores beside that of the one who reads. One worker needs
/// no thread, and two share too little to make up for handing over every payload.
fn workers(asked: Option<u16>) -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    match asked {
        Some(workers) => workers.into(),
        None if cores > 2 => cores - 1,
        None => 1,
    }
}

fn play(plan: Plan, json: bool) -> anyhow::Result<()> {
    let start = Instant::now();
    let total = plan.runs.iter().flat_map(|run| &run.captures);
    let progress = Progress::of(total.map(Source::size).sum());
    make_folder(&plan.sink.folder)?;
    if let Some(dp) = &plan.sink.header.dp {
        info!("{}", Dp::of(dp)?.assumption());
    }
    let mut summary = Summary::default();
    for run in plan.runs {
        play_run(
            run,
            &plan.config,
            &plan.sink,
            plan.privacy,
            &progress,
            &mut summary,
        )?;
    }
    progress.finish();
    summary.seconds = start.elapsed().as_secs_f64();
    summary.print(json)?;
    summary.judge()
}

fn play_run(
    run: Run,
    config: &ReplayConfig,
    sink: &SinkConfig,
    privacy: Privacy,
    progress: &Progress,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let Run { captures, name } = run;
    let out = sink.folder.as_path();
    let mut stream = Stream {
        captures: Captures::new(captures),
        config: config.clone(),
        progress,
        summary,
    };
    let publish = Publish(sink.header.level);
    match (privacy, name) {
        (Privacy::Off, name) => {
            let path = unprotected_path(out, name.as_ref(), sink);
            let file = UnprotectedFile::create(&path)?;
            let (file, _) = stream.play(Unprotect, file)?;
            file.finish()?;
        }
        (_, None) => {
            let (output, counted) = stream.play(publish, Protected::new(sink.clone()))?;
            output.close(counted.counters())?;
        }
        (_, Some(name)) => {
            let each = EachFolder::new(out, &name)?;
            let sink = SinkConfig {
                folder: each.folder().to_owned(),
                ..sink.clone()
            };
            let header = sink.header.clone();
            let (output, counted) = stream.play(publish, Protected::new(sink))?;
            output.close(counted.counters())?;
            each.finish(&header)?;
        }
    }
    Ok(())
}

fn unprotected_path(
    out: &Path,
    name: Option<&CaptureName>,
    sink: &SinkConfig,
) -> std::path::PathBuf {
    match name {
        Some(name) => name.output(out),
        None => out.join(format!("unprotected-{}.ndjson.zst", sink.header.node)),
    }
}

/// Text of a file of records: what it takes to close one is all that a long capture adds.
const FILE_TEXT: u64 = 16 << 20;

/// One stream on its way.
struct Stream<'a> {
    captures: Captures,
    config: ReplayConfig,
    progress: &'a Progress,
    summary: &'a mut Summary,
}

/// Frames that are taken at a time.
const BATCH: usize = 32;
/// Packets between two looks at the progress.
const LOOK: u64 = 1 << 16;

impl Stream<'_> {
    /// Gives the output back, and what it came to.
    fn play<F: Form + 'static, O: Output<F::Item>>(
        &mut self,
        form: F,
        output: O,
    ) -> anyhow::Result<(O, Counted)> {
        let mut replay = Replay::new(self.config.clone(), form, output);
        let before = self.progress.bytes();
        let mut look = 0;
        loop {
            match self.captures.batch(BATCH) {
                Ok(Some(batch)) => replay.frames(batch.frames())?,
                Ok(None) => break,
                Err(damage) => {
                    error!("{damage}");
                    self.summary.damaged += 1;
                }
            }
            if replay.packets() >= look {
                look = replay.packets() + LOOK;
                let read = before + self.captures.bytes_read();
                self.progress
                    .look(read, self.summary.packets() + replay.packets());
            }
        }
        let (counted, output) = replay.finish()?;
        self.summary.add(&counted);
        let read = before + self.captures.bytes_read();
        self.progress.look(read, self.summary.packets());
        Ok((output, counted))
    }
}
