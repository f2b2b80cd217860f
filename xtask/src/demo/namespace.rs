//! A network namespace without a name: it lives as long as threads or processes in it do, so
//! nothing is left to remove, whatever happens to this process.

use std::{
    sync::mpsc::{self, Sender},
    thread,
};

use anyhow::{Context, Result, anyhow};
use nix::{
    sched::{CloneFlags, unshare},
    unistd::{Pid, gettid},
};

type Job = Box<dyn FnOnce() + Send>;

/// A thread in a network namespace of its own. Threads and programs that its jobs start are in
/// the namespace, too; the file systems stay the machine's, so that /sys/fs/bpf is visible
/// (`ip netns exec` would hide it).
pub(super) struct Namespace {
    thread: Pid,
    jobs: Sender<Job>,
}

impl Namespace {
    /// Needs root.
    pub(super) fn create() -> Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (answer, ready) = mpsc::channel();
        thread::spawn(move || {
            let entered = unshare(CloneFlags::CLONE_NEWNET).map(|()| gettid());
            let is_inside = entered.is_ok();
            if answer.send(entered).is_ok() && is_inside {
                queue.into_iter().for_each(|job| job());
            }
        });
        let thread = ready.recv()?.context("a new network namespace")?;
        Ok(Self { thread, jobs })
    }

    /// What `ip link … netns` takes for this namespace.
    pub(super) fn id(&self) -> Pid {
        self.thread
    }

    /// Runs a job inside and waits for it.
    pub(super) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let (answer, result) = mpsc::channel();
        let job = Box::new(move || drop(answer.send(job())));
        let gone = || anyhow!("the namespace's thread is gone");
        self.jobs.send(job).map_err(|_| gone())?;
        result.recv().map_err(|_| gone())
    }
}
