//! The shipped program as an operator runs it, in a namespace and with folders of its own.

use std::{
    env, fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use collector::live::{Status, ask, only_socket};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::netns::{Namespace, run};

/// Loading takes seconds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Path of the program: `COLLECTOR_BINARY`, else beside the tests, built as they are.
static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
    if let Some(path) = env::var_os("COLLECTOR_BINARY") {
        return path.into();
    }
    let test = env::current_exe().expect("a path of this test");
    let mut folders = test.ancestors().skip(1);
    let profile = folders.find(|folder| !folder.ends_with("deps"));
    let profile = profile.expect("target/PROFILE, perhaps with deps");
    if let Some(cargo) = env::var_os("CARGO") {
        // Building the tests does not bring the program up to date.
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--package", "collector"]);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        run(build.current_dir(env!("CARGO_MANIFEST_DIR"))).expect("the program builds");
    }
    profile.join("collector")
});

/// The program with a hole in its dissectors, built here, always for debugging.
static PLANTED: LazyLock<PathBuf> = LazyLock::new(|| {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--package", "collector"]);
    build.args(["--features", "planted-hook", "--bin", "collector-planted"]);
    run(build.current_dir(env!("CARGO_MANIFEST_DIR"))).expect("the program builds");
    let test = env::current_exe().expect("a path of this test");
    let profile = test.ancestors().find(|folder| folder.ends_with("deps"));
    let target = profile.and_then(|deps| deps.ancestors().nth(2));
    target
        .expect("target/PROFILE/deps")
        .join("debug/collector-planted")
});

/// The program, without arguments yet.
#[must_use]
pub fn program() -> Command {
    Command::new(&*BINARY)
}

/// Folders that one test's agents share.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    pins: PathBuf,
    program: &'static Path,
    /// What the program is started by, as setpriv(1).
    starter: Vec<String>,
}

impl Home {
    /// Empty folders; gone when dropped, pins included.
    ///
    /// # Errors
    /// No room for them.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("collector-").tempdir()?;
        let name = folder.path().file_name().unwrap_or_default();
        let pins = Path::new("/sys/fs/bpf").join(name);
        Ok(Self {
            folder,
            pins,
            program: &BINARY,
            starter: Vec::new(),
        })
    }

    /// The same for the program with a hole in it.
    ///
    /// # Errors
    /// No room for them.
    pub fn planted() -> Result<Self> {
        let mut home = Self::new()?;
        home.program = &PLANTED;
        Ok(home)
    }

    /// From now on the program is started by another one, whose arguments end before it.
    pub fn started_by(&mut self, starter: &[&str]) {
        self.starter = starter.iter().map(|&word| word.to_owned()).collect();
    }

    /// A path below the folder.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where records go.
    #[must_use]
    pub fn out(&self) -> PathBuf {
        self.join("out")
    }

    /// Where maps and links are pinned.
    #[must_use]
    pub fn pins(&self) -> &Path {
        &self.pins
    }

    /// Everything that is pinned, folders excluded.
    #[must_use]
    pub fn pinned(&self) -> Vec<PathBuf> {
        let entries = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten();
        entries(&self.pins)
            .flat_map(|instance| entries(&instance.path()).map(|pin| pin.path()))
            .collect()
    }

    /// `collector COMMAND` inside `namespace`, with these folders.
    #[must_use]
    pub fn command(&self, namespace: &Namespace, command: &str) -> Command {
        let program = self.program.to_string_lossy().into_owned();
        let mut words = self.starter.iter().chain([&program]);
        let mut collector = namespace.command(words.next().unwrap_or(&program));
        collector.args(words).arg(command);
        collector.arg("--run-dir").arg(self.join("run"));
        if !["status", "top"].contains(&command) {
            collector.arg("--pin-dir").arg(&self.pins);
        }
        if command == "run" {
            collector.arg("--out").arg(self.out());
        }
        collector.stdin(Stdio::null());
        collector
    }

    /// Starts an agent and waits for nothing.
    ///
    /// # Errors
    /// There is no such program.
    pub fn spawn(&self, namespace: &Namespace, arguments: &[&str]) -> Result<Running> {
        let mut command = self.command(namespace, "run");
        self.spawn_as(command.args(arguments))
    }

    fn spawn_as(&self, command: &mut Command) -> Result<Running> {
        let log = self.join("log");
        command.stderr(fs::File::create(&log)?);
        let child = command.spawn().context("start the collector")?;
        Ok(Running { child, log })
    }

    /// Starts an agent and waits until it answers.
    ///
    /// # Errors
    /// It ends before; the error holds what it said.
    pub fn start(&self, namespace: &Namespace, arguments: &[&str]) -> Result<Running> {
        let mut command = self.command(namespace, "run");
        self.start_as(command.args(arguments))
    }

    /// The same with a command of [`Home::command`] that was added to.
    ///
    /// # Errors
    /// As [`Home::start`].
    pub fn start_as(&self, command: &mut Command) -> Result<Running> {
        let mut running = self.spawn_as(command)?;
        let start = Instant::now();
        while self.status().is_err() {
            if let Some(status) = running.child.try_wait()? {
                bail!("{status}: {}", running.log()?);
            }
            ensure!(start.elapsed() < PATIENCE, "no answer: {}", running.log()?);
            thread::sleep(Duration::from_millis(10));
        }
        Ok(running)
    }

    /// What the one running agent says.
    ///
    /// # Errors
    /// None runs.
    pub fn status(&self) -> Result<Status> {
        ask(&only_socket(&self.join("run"))?)
    }

    /// Every closed file.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.ending(".zst")
    }

    /// Every spool; not what is kept of days that are not over.
    #[must_use]
    pub fn spools(&self) -> Vec<PathBuf> {
        let mut spools = self.ending(".open");
        spools.retain(|path| is_of_flows(path));
        spools
    }

    fn ending(&self, end: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.out()).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.retain(|path| path.to_string_lossy().ends_with(end));
        paths.sort_unstable();
        paths
    }
}

fn is_of_flows(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().starts_with("flows-")
}

impl Drop for Home {
    fn drop(&mut self) {
        // bpffs has no recursive removal of its own, and files first is all it takes.
        let _ = fs::remove_dir_all(&self.pins);
    }
}

/// An agent that runs; killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// What it logged so far.
    ///
    /// # Errors
    /// The log can't be read.
    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.log)?)
    }

    /// Its process number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended; `None` while it runs.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// There is no such process any more.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(self.child.id().cast_signed()), signal)?)
    }

    /// `kill -9`: a crash.
    ///
    /// # Errors
    /// It had ended by itself; the error holds what it said.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        let status = self.child.wait()?;
        ensure!(status.signal() == Some(9), "{status}: {}", self.log()?);
        Ok(())
    }

    /// SIGTERM: a clean stop; gives how it ended and what it logged.
    ///
    /// # Errors
    /// There is no such process any more.
    pub fn terminate(self) -> Result<(ExitStatus, String)> {
        self.end_by(Signal::SIGTERM)
    }

    /// The end that it comes to by itself; gives how it ended and what it logged.
    ///
    /// # Errors
    /// There is no such process any more.
    pub fn end(mut self) -> Result<(ExitStatus, String)> {
        let status = self.child.wait()?;
        Ok((status, self.log()?))
    }

    /// The end that `signal` brings; gives how it ended and what it logged.
    ///
    /// # Errors
    /// There is no such process any more.
    pub fn end_by(mut self, signal: Signal) -> Result<(ExitStatus, String)> {
        self.signal(signal)?;
        let status = self.child.wait()?;
        Ok((status, self.log()?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Checks that a command failed as it should: with this exit code, one line that says all of
/// `words`, and no panic.
///
/// # Errors
/// It can't start.
///
/// # Panics
/// It did not fail so.
#[track_caller]
pub fn assert_fails(command: &mut Command, code: i32, words: &[&str]) -> Result<()> {
    let output = command.output()?;
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(code), "{command:?}: {said:?}");
    assert_eq!(said.len(), 1, "{command:?}: {said:?}");
    for word in words {
        assert!(said[0].contains(word), "{word}? {}", said[0]);
    }
    let all = String::from_utf8_lossy(&output.stderr);
    assert!(!all.contains("panicked"), "{all}");
    Ok(())
}

/// The lines of standard error that are errors: not of the log, not clap's help behind its error.
fn errors(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    if text.starts_with("error: ") {
        return text.lines().take(1).map(str::to_owned).collect();
    }
    let logged = |line: &&str| {
        [" INFO ", " WARN "]
            .iter()
            .any(|level| line.contains(level))
    };
    let lines = text.lines().filter(|line| !logged(line));
    lines.map(str::to_owned).collect()
}
