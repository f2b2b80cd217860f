//! The agent on a thread of its own, inside a namespace, with every record it made: exact counts
//! are asserted on these, before anything is removed.

use std::{
    path::Path,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result};
use collector::{
    live::{self, Agent, Options, Status, Summary},
    locate::Surroundings,
    pipeline::{PipelineConfig, SampleLimits, Tap},
    record::Record,
    sink::{Limits, SinkConfig, disk::LocalDisk, entry::Lineage},
};
use collector_common::schema::{Header, Level, PayloadMode, SCHEMA_VERSION, TimeZone};

use crate::netns::Namespace;

/// Keeps every record.
#[derive(Debug, Default)]
pub struct Kept(pub Vec<Record>);

impl Tap for Kept {
    fn record(&mut self, record: &Record) {
        self.0.push(record.clone());
    }
}

/// What a test asks the thread to do between two drains.
type Errand = Box<dyn FnOnce(&mut Agent<Kept>) -> Result<()> + Send>;

/// The end of an agent that is to die without a word.
#[derive(Debug)]
struct Crash;

impl std::fmt::Display for Crash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("killed by the test")
    }
}

impl std::error::Error for Crash {}

/// A meter that runs until it is stopped or dropped.
pub struct Meter {
    errands: Sender<Errand>,
    thread: Option<JoinHandle<Result<(Summary, Kept)>>>,
}

/// Options for a test: pins and locks below `folder`'s name, nothing shared with other tests.
#[must_use]
pub fn options(interface: &str, folder: &Path) -> Options {
    let name = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .replace('.', "_");
    Options {
        run_root: folder.join("run"),
        pin_root: Path::new("/sys/fs/bpf").join(format!("collector-test-{name}")),
        table_size: 65_536,
        pin: false,
        ..Options::new(vec![interface.to_owned()])
    }
}

/// A pipeline that writes below `folder`, without country data.
#[must_use]
pub fn pipeline(folder: &Path) -> PipelineConfig {
    PipelineConfig {
        sink: SinkConfig {
            folder: folder.join("out"),
            node: "test".parse().expect("a plain name"),
            header: Header {
                schema: SCHEMA_VERSION,
                node: "test".to_owned(),
                time_zone: TimeZone::Utc,
                level: Level::Coarse,
                k: Level::Coarse.k(),
                dp: None,
                geo: None,
                relays: Vec::new(),
                exclusions: 0,
                payload: PayloadMode::Sample,
                meter: "test".to_owned(),
            },
            lineage: Lineage::default(),
            write_failed: false,
            ends: false,
            limits: Limits::default(),
        },
        disk: Box::new(LocalDisk),
        surroundings: Surroundings::default(),
        samples: SampleLimits::default(),
        clock: live::wall_clock(),
        now: live::boot_time(),
    }
}

impl Meter {
    /// Starts the agent in `namespace`; returns once its hooks are attached.
    ///
    /// # Errors
    /// Those of [`Agent::start`].
    pub fn start(namespace: &Namespace, options: Options, config: PipelineConfig) -> Result<Self> {
        let (errands, inbox) = mpsc::channel();
        let (ready, started) = mpsc::channel();
        let thread = namespace.spawn(move || {
            let agent = match Agent::start(options, |_| Ok(config), Kept::default()) {
                Ok(agent) => agent,
                Err(error) => {
                    let _ = ready.send(Err(error));
                    anyhow::bail!("not started");
                }
            };
            let _ = ready.send(Ok(()));
            drive(agent, &inbox)
        })?;
        started.recv().context("the agent's thread died")??;
        Ok(Self {
            errands,
            thread: Some(thread),
        })
    }

    /// Runs `errand` on the agent's thread.
    ///
    /// # Errors
    /// Those of the errand; the thread died.
    pub fn run<R: Send + 'static>(
        &self,
        errand: impl FnOnce(&mut Agent<Kept>) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let (answer, result) = mpsc::channel();
        let sent = self.errands.send(Box::new(move |agent| {
            let _ = answer.send(errand(agent));
            Ok(())
        }));
        anyhow::ensure!(sent.is_ok(), "the agent's thread died");
        result.recv().context("the agent's thread died")?
    }

    /// Runs `last` on the agent's thread and drops the agent as it then is: with its hooks and
    /// maps pinned, that is what `kill -9` leaves. Filters on clsact go, other than by a kill.
    ///
    /// # Errors
    /// Those of the errand; the thread died before.
    pub fn crash(
        mut self,
        last: impl FnOnce(&mut Agent<Kept>) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let thread = self.thread.take().context("stopped already")?;
        let errand: Errand = Box::new(move |agent| {
            last(agent)?;
            Err(Crash.into())
        });
        anyhow::ensure!(self.errands.send(errand).is_ok(), "the agent's thread died");
        match thread.join() {
            Ok(Err(error)) if error.is::<Crash>() => Ok(()),
            Ok(Err(error)) => Err(error),
            _ => anyhow::bail!("the agent did not crash"),
        }
    }

    /// The agent's own view.
    ///
    /// # Errors
    /// As [`Meter::run`].
    pub fn status(&self) -> Result<Status> {
        self.run(Agent::status)
    }

    /// Stops cleanly and hands over every record.
    ///
    /// # Errors
    /// Those of [`Agent::tick`] and [`Agent::stop`].
    pub fn stop(mut self) -> Result<(Summary, Vec<Record>)> {
        let thread = self.thread.take().context("stopped already")?;
        let (closed, _) = mpsc::channel();
        drop(std::mem::replace(&mut self.errands, closed));
        let joined = thread
            .join()
            .map_err(|_| anyhow::anyhow!("the agent panicked"))?;
        joined.map(|(summary, Kept(records))| (summary, records))
    }
}

/// Drains every few milliseconds and ticks on whole seconds, as the shipped loop does.
fn drive(mut agent: Agent<Kept>, inbox: &Receiver<Errand>) -> Result<(Summary, Kept)> {
    const SECOND: u64 = 1_000_000_000;
    let mut second = live::boot_time() / SECOND;
    loop {
        match inbox.recv_timeout(Duration::from_millis(5)) {
            Ok(errand) => errand(&mut agent)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return agent.stop(),
        }
        agent.drain();
        let now = live::boot_time();
        if now / SECOND > second {
            second = now / SECOND;
            agent.tick(now)?;
        }
    }
}
