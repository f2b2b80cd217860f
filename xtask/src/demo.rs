//! `build-and-load --demo`: the main job on traffic of our own.
//!
//! Two network namespaces joined by a veth pair: servers in one, clients and the agent in the
//! other. Nothing leaves the machine, and all of it is gone with this process.

mod clients;
mod namespace;
mod sandbox;
mod servers;
mod spool;
mod table;
mod tls;

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use self::{
    sandbox::{Agent, Sandbox},
    spool::SpoolTail,
};
use crate::caller::Caller;

/// Not for typing: what `build-and-load --demo` runs as root.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The built agent.
    #[arg(long)]
    pub(crate) agent: PathBuf,
    /// Stop after so many seconds.
    #[arg(long)]
    pub(crate) seconds: Option<u64>,
    /// Passed on to `collector run`.
    #[arg(last = true)]
    pub(crate) more: Vec<OsString>,
}

impl Arguments {
    /// As a command line.
    pub(crate) fn words(&self) -> Vec<OsString> {
        let mut words = vec!["--agent".into(), self.agent.clone().into()];
        if let Some(seconds) = self.seconds {
            words.extend(["--seconds".into(), seconds.to_string().into()]);
        }
        words.push("--".into());
        words.extend_from_slice(&self.more);
        words
    }
}

/// What the agent logs.
const LOG: &str = "COLLECTOR_LOG";

/// How often new records are looked for.
const POLL: Duration = Duration::from_millis(200);

/// Runs the sandbox until Ctrl-C, the time is over or the agent ends.
pub(crate) fn run(arguments: &Arguments, caller: &Caller) -> Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed)).context("watching Ctrl-C")?;

    let out = tempfile::Builder::new()
        .prefix("collector-demo-")
        .tempdir()
        .context("making a folder for the records")?
        .keep();
    let sandbox = Sandbox::create().context("making the sandbox (namespaces, veth pair)")?;
    sandbox.serve().context("starting the servers")?;
    let agent = sandbox.start_agent(agent_command(arguments, &out))?;
    sandbox.start_clients(&stop)?;
    introduce(arguments.seconds);

    let mut shown = Shown {
        tail: SpoolTail::new(&out),
        kinds: table::Kinds::default(),
    };
    let outcome = watch(agent, &mut shown, &stop, arguments.seconds);
    shown.more()?;
    // Made-up traffic: unlike real files these may be read without root.
    caller.own(&out)?;
    eprintln!("\nthe files stay in {}: zstdcat {0}/*.zst", out.display());
    outcome
}

fn agent_command(arguments: &Arguments, out: &Path) -> Command {
    let mut command = Command::new(&arguments.agent);
    command.args(["run", "--iface", sandbox::METERED, "--node", "demo"]);
    // The clients, which run as root, play the relay; one on this host has no part in it.
    command.args(["--torrc", "/dev/null", "--tor-user", "0"]);
    // UDP has no end but silence: here a short one.
    command.args(["--idle-timeout", "5"]);
    command.args(["--no-pin", "--out"]).arg(out);
    command.args(&arguments.more);
    if env::var_os(LOG).is_none() {
        command.env(LOG, "warn"); // between the rows only what matters
    }
    command
}

fn introduce(seconds: Option<u64>) {
    let end = seconds.map_or("Ctrl-C ends it".to_owned(), |seconds| {
        format!("for {seconds} s")
    });
    eprintln!(
        "\nTwo network namespaces, a cable between them, HTTP, TLS and DNS over it; {end}.\n\
         A line appears some seconds after a flow has ended, exact as in the spool; files tell less.\n"
    );
    println!("{}", table::heading());
}

/// Shows records while the agent runs, then stops it.
fn watch(
    mut agent: Agent,
    shown: &mut Shown,
    stop: &AtomicBool,
    seconds: Option<u64>,
) -> Result<()> {
    let start = Instant::now();
    let over = |now: Instant| seconds.is_some_and(|limit| (now - start).as_secs() >= limit);
    while !stop.load(Ordering::Relaxed) && !over(Instant::now()) {
        shown.more()?;
        if let Some(status) = agent.ended()? {
            bail!("the agent ended by itself with {status}; its message is above");
        }
        thread::sleep(POLL);
    }
    stop.store(true, Ordering::Relaxed); // the clients, too
    let status = agent.stop(|| shown.more())?;
    if !status.success() {
        bail!("the agent ended with {status}; its message is above");
    }
    Ok(())
}

/// What is shown of a spool.
struct Shown {
    tail: SpoolTail,
    kinds: table::Kinds,
}

impl Shown {
    /// Shows what has come.
    fn more(&mut self) -> Result<()> {
        for line in self.tail.lines()? {
            if let Some(row) = self.kinds.row(&line) {
                println!("{row}");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_carries_every_argument() {
        let arguments = Arguments {
            agent: "/t/collector".into(),
            seconds: Some(5),
            more: vec!["--ingress".into(), "xdp".into()],
        };
        let expected = "--agent /t/collector --seconds 5 -- --ingress xdp";
        let expected: Vec<OsString> = expected.split(' ').map(OsString::from).collect();
        assert_eq!(arguments.words(), expected);
    }
}
