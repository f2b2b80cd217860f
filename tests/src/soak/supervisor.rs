//! Keeps an agent running, as a service manager does.

use std::{
    fs::File,
    io::Write,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{
    binary::{Home, Running},
    netns::Namespace,
};

/// Between an end and the next start.
const RESTART_AFTER: Duration = Duration::from_secs(1);
/// Starts in a row that may fail where nothing excuses them.
const TRIES: u32 = 3;

/// The one agent and its ends.
pub(super) struct Supervisor<'a> {
    home: &'a Home,
    namespace: &'a Namespace,
    arguments: Vec<String>,
    running: Option<Running>,
    next_start: Instant,
    failed_in_a_row: u32,
    log: File,
    /// Agents that came up.
    pub(super) starts: u64,
    /// Ends that nobody had asked for.
    pub(super) unexpected: Vec<String>,
}

impl<'a> Supervisor<'a> {
    /// With no agent yet. `log` gets what all agents say.
    pub(super) fn new(
        home: &'a Home,
        namespace: &'a Namespace,
        arguments: Vec<String>,
        log: File,
    ) -> Self {
        Self {
            home,
            namespace,
            arguments,
            running: None,
            next_start: Instant::now(),
            failed_in_a_row: 0,
            log,
            starts: 0,
            unexpected: Vec::new(),
        }
    }

    /// The agent, when one is up.
    pub(super) fn running(&self) -> Option<&Running> {
        self.running.as_ref()
    }

    /// Notices an end, and starts the next agent when it is time.
    ///
    /// # Errors
    /// Agents don't come up though nothing excuses it.
    pub(super) fn look(&mut self, is_excused: bool) -> Result<()> {
        if let Some(mut running) = self.running.take() {
            match running.ended()? {
                None => self.running = Some(running),
                Some(status) => {
                    let log = running.log()?;
                    self.keep(&log)?;
                    self.unexpected.push(format!("{status}: {}", last(&log)));
                    self.next_start = Instant::now() + RESTART_AFTER;
                }
            }
        }
        if self.running.is_none() && Instant::now() >= self.next_start {
            self.start(is_excused)?;
        }
        Ok(())
    }

    /// Ends the agent by SIGKILL; the next one comes with the next look.
    pub(super) fn kill(&mut self) -> Result<()> {
        if let Some(running) = self.running.take() {
            let log = running.log()?;
            running.kill()?;
            self.keep(&log)?;
        }
        self.next_start = Instant::now();
        Ok(())
    }

    /// Ends the agent as an operator does.
    ///
    /// # Errors
    /// It does not end cleanly.
    pub(super) fn stop(&mut self) -> Result<()> {
        let running = self.running.take().context("no agent to stop")?;
        let (status, log) = running.terminate()?;
        self.keep(&log)?;
        self.next_start = Instant::now();
        ensure!(status.success(), "a clean stop: {status}: {}", last(&log));
        Ok(())
    }

    fn start(&mut self, is_excused: bool) -> Result<()> {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        match self.home.start(self.namespace, &arguments) {
            Ok(running) => {
                self.running = Some(running);
                self.starts += 1;
                self.failed_in_a_row = 0;
            }
            Err(error) if is_excused => writeln!(self.log, "no start: {error:#}")?,
            Err(error) => {
                self.failed_in_a_row += 1;
                ensure!(
                    self.failed_in_a_row < TRIES,
                    "agents don't start: {error:#}"
                );
                self.unexpected.push(format!("no start: {error:#}"));
            }
        }
        self.next_start = Instant::now() + RESTART_AFTER;
        Ok(())
    }

    fn keep(&mut self, log: &str) -> Result<()> {
        Ok(self.log.write_all(log.as_bytes())?)
    }
}

fn last(log: &str) -> &str {
    log.lines().last().unwrap_or_default()
}
