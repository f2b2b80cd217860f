//! One program, measured: wall time, processor time, peak memory.
//!
//! It happens in a process of its own, because the kernel tells a parent what its children used
//! in one sum; and that process limits and pins itself, which its child inherits.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    sys::{
        resource::{Resource, UsageWho, getrusage, setrlimit},
        signal::{Signal, killpg},
        time::TimeVal,
    },
    unistd::Pid,
};
use serde_json::{Value, json};

use crate::command;

/// Between two looks at the child.
const PAUSE: Duration = Duration::from_millis(5);

/// What a program may take.
#[derive(Clone, Copy, clap::Args)]
pub(crate) struct Limits {
    /// Cores that each program gets.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..), value_name = "N")]
    pub(super) cores: u16,
    /// End a program after so many seconds.
    #[arg(long, default_value_t = 600, value_name = "N")]
    pub(super) limit_seconds: u64,
    /// End a program that asks for more memory, GiB.
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub(super) limit_gib: u64,
}

/// Not for typing: runs one program and prints what it took.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    limits: Limits,
    /// For what the program prints.
    #[arg(long)]
    folder: PathBuf,
    /// The program with its arguments.
    #[arg(last = true, required = true)]
    words: Vec<OsString>,
}

/// What a program took.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Cost {
    /// Wall time, seconds.
    pub(super) wall: f64,
    /// User and system time of all its processes, seconds.
    pub(super) cpu: f64,
    /// The largest of its processes, bytes.
    pub(super) peak: f64,
}

/// How a run ended: its cost, or why there is none.
pub(super) type Outcome = Result<Cost, String>;

/// Starts the measuring process; the program's output goes to `stdout` and `stderr` in `folder`.
pub(super) fn measure(limits: &Limits, folder: &Path, words: &[OsString]) -> Result<Outcome> {
    let mut command = Command::new(env::current_exe().context("finding this program")?);
    command.arg("measure").arg("--folder").arg(folder);
    command.args(["--cores", &limits.cores.to_string()]);
    command.args(["--limit-seconds", &limits.limit_seconds.to_string()]);
    command.args(["--limit-gib", &limits.limit_gib.to_string()]);
    command.arg("--").args(words);
    let answer: Value = serde_json::from_str(&command::read(&mut command)?)?;
    if let Some(reason) = answer["failed"].as_str() {
        return Ok(Err(reason.to_owned()));
    }
    let number = |name: &str| answer[name].as_f64().context("a number is missing");
    Ok(Ok(Cost {
        wall: number("wall")?,
        cpu: number("cpu")?,
        peak: number("peak")?,
    }))
}

/// `cargo xtask measure`
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let limits = &arguments.limits;
    pin(limits.cores.into())?;
    let memory = limits.limit_gib << 30;
    setrlimit(Resource::RLIMIT_DATA, memory, memory).context("limiting memory")?;
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))?;
    let start = Instant::now();
    let child = start_child(arguments)?;
    let end = wait(
        child,
        start + Duration::from_secs(limits.limit_seconds),
        &stop,
    )?;
    let wall = start.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    // Linux tells KiB.
    let peak = usage.max_rss() as f64 * 1024.0;
    let answer = match end {
        Some(status) if status.success() => json!({
            "wall": wall,
            "cpu": seconds(usage.user_time()) + seconds(usage.system_time()),
            "peak": peak,
        }),
        Some(status) => json!({ "failed": reason(status, peak, memory as f64, arguments) }),
        None => json!({ "failed": format!("ended by the limit of {} s", limits.limit_seconds) }),
    };
    println!("{answer}");
    Ok(())
}

/// The last of the CPUs that this process may use: the first ones serve interrupts.
fn pin(cores: usize) -> Result<()> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    let mut chosen = CpuSet::new();
    let all = (0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu).unwrap_or(false));
    for cpu in all.rev().take(cores) {
        chosen.set(cpu)?;
    }
    sched_setaffinity(Pid::from_raw(0), &chosen).context("pinning to cores")
}

fn start_child(arguments: &Arguments) -> Result<Child> {
    let (program, rest) = arguments.words.split_first().context("no program")?;
    let output = |name: &str| File::create(arguments.folder.join(name));
    Command::new(program)
        .args(rest)
        .stdin(Stdio::null())
        .stdout(output("stdout")?)
        .stderr(output("stderr")?)
        .process_group(0)
        .spawn()
        .with_context(|| format!("starting {}", program.display()))
}

/// The exit status; none for a child that took too long and was killed with all it started.
fn wait(mut child: Child, deadline: Instant, stop: &AtomicBool) -> Result<Option<ExitStatus>> {
    let group = Pid::from_raw(child.id().try_into()?);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let stopped = stop.load(Ordering::Relaxed);
        if stopped || Instant::now() > deadline {
            killpg(group, Signal::SIGKILL)?;
            child.wait()?;
            if stopped {
                bail!("interrupted");
            }
            return Ok(None);
        }
        thread::sleep(PAUSE);
    }
}

/// Programs that get no more memory end in many ways.
fn reason(status: ExitStatus, peak: f64, memory: f64, arguments: &Arguments) -> String {
    if peak > 0.8 * memory {
        let gib = arguments.limits.limit_gib;
        return format!("ended by the limit of {gib} GiB");
    }
    let said = fs::read_to_string(arguments.folder.join("stderr")).unwrap_or_default();
    let last = said.lines().last().unwrap_or_default();
    match status.signal() {
        Some(signal) => format!("ended by signal {signal}: {last}"),
        None => format!("exit code {}: {last}", status.code().unwrap_or_default()),
    }
}

fn seconds(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Outcome of a shell command with these limits, measured in this process' children.
    fn ended(script: &str, seconds: u64) -> Option<ExitStatus> {
        let folder = tempfile::tempdir().unwrap();
        let arguments = Arguments {
            limits: Limits {
                cores: 1,
                limit_seconds: seconds,
                limit_gib: 1,
            },
            folder: folder.path().to_path_buf(),
            words: ["sh", "-c", script].map(OsString::from).to_vec(),
        };
        let child = start_child(&arguments).unwrap();
        let deadline = Instant::now() + Duration::from_secs(seconds);
        wait(child, deadline, &AtomicBool::new(false)).unwrap()
    }

    #[test]
    fn a_program_that_ends_tells_its_exit_code() {
        assert_eq!(ended("exit 3", 60).unwrap().code(), Some(3));
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended() {
        assert!(ended("sleep 1000", 0).is_none());
    }
}
