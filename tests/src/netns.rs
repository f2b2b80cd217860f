//! Network namespaces: made with `ip netns add`, entered with setns(2).
//!
//! Never through `ip netns exec`: that gives a new mount namespace with a new /sys, which hides
//! the pins under /sys/fs/bpf.

use std::{
    fs::File,
    marker::PhantomData,
    os::{fd::AsFd, unix::process::CommandExt},
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
    thread::{self, JoinHandle},
};

use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, setns};

/// A network namespace of its own, with loopback up; gone when dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    file: File,
}

impl Namespace {
    /// A new namespace named after `prefix`, this process and a counter.
    ///
    /// # Errors
    /// Not root, or `ip` (iproute2) is missing.
    pub fn new(prefix: &str) -> Result<Self> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{prefix}-{}-{number}", process::id());
        run(Command::new("ip").args(["netns", "add", &name]))?;
        let path = format!("/run/netns/{name}");
        let file = File::open(&path).with_context(|| path)?;
        let namespace = Self { name, file };
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// Name under /run/netns.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Moves the calling thread here until the guard is dropped. Threads started meanwhile start
    /// here as well and stay.
    ///
    /// # Errors
    /// setns(2) is refused.
    pub fn enter(&self) -> Result<Entered> {
        let before = File::open("/proc/thread-self/ns/net")?;
        setns(&self.file, CloneFlags::CLONE_NEWNET).context("enter the namespace")?;
        Ok(Entered {
            before,
            not_send: PhantomData,
        })
    }

    /// Runs `body` in a thread of its own inside the namespace.
    ///
    /// # Errors
    /// The namespace's descriptor can't be duplicated. The thread itself gives `body`'s error or
    /// that of setns(2).
    pub fn spawn<T, F>(&self, body: F) -> Result<JoinHandle<Result<T>>>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T> + Send + 'static,
    {
        let file = self.file.try_clone()?;
        Ok(thread::spawn(move || {
            setns(&file, CloneFlags::CLONE_NEWNET).context("enter the namespace")?;
            body()
        }))
    }

    /// A command that will run inside the namespace, with this process's mounts.
    ///
    /// # Panics
    /// The namespace's descriptor can't be duplicated.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let file = self.file.try_clone().expect("a descriptor to spare");
        let mut command = Command::new(program);
        let enter = move || Ok(setns(file.as_fd(), CloneFlags::CLONE_NEWNET)?);
        // SAFETY: the closure runs between fork and exec; setns(2) is one system call that takes
        // no lock and allocates nothing.
        unsafe { command.pre_exec(enter) };
        command
    }

    /// The same as user `user`, of whom the system need not know.
    ///
    /// # Panics
    /// As [`Namespace::command`].
    #[must_use]
    pub fn command_as(&self, user: u32, program: &str) -> Command {
        let mut command = self.command("setpriv");
        command.args(["--reuid", &user.to_string(), "--regid", &user.to_string()]);
        command.args(["--clear-groups", "--", program]);
        command
    }

    /// Runs `ip` with `arguments` (split at spaces) inside the namespace; gives its output.
    ///
    /// # Errors
    /// `ip` fails; the error holds what it said.
    pub fn ip(&self, arguments: &str) -> Result<String> {
        run(self.command("ip").args(arguments.split_whitespace()))
    }

    /// Writes a sysctl of the namespace, such as `net/ipv4/ip_forward`.
    ///
    /// # Errors
    /// No such setting, or it refuses the value.
    pub fn sysctl(&self, name: &str, value: &str) -> Result<()> {
        let _inside = self.enter()?;
        std::fs::write(format!("/proc/sys/{name}"), value).with_context(|| name.to_owned())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(error) = run(Command::new("ip").args(["netns", "delete", &self.name])) {
            eprintln!("namespace left behind: {error:#}");
        }
    }
}

/// The calling thread is inside a namespace; it goes back when this is dropped.
#[derive(Debug)]
#[must_use = "leaves the namespace when dropped"]
pub struct Entered {
    before: File,
    // setns(2) moves one thread: the guard must be dropped on that thread.
    not_send: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        setns(&self.before, CloneFlags::CLONE_NEWNET).expect("back to the namespace before");
    }
}

/// Runs a command to its end and gives its standard output.
///
/// # Errors
/// It can't start or fails; the error holds the command and what it said.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("start {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
