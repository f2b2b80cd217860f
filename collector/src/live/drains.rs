//! Threads that empty the rings, so that what the agent waits for (the disk, a sweep) keeps no ring
//! full: one a ring of samples, which inspects them, and one for late packets.

mod share;

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::bail;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use parking_lot::{Mutex, MutexGuard};
use share::Share;

use super::{
    kernel::Kernel,
    rings::{LateRing, Ring},
};
use crate::{pipeline::Inspectors, process::leaving_no_trace};

/// How often a ring of samples is looked at; one that fills up wakes its thread before.
const SAMPLES_EVERY_MS: u8 = 200;
/// How often the late ring is.
const LATE_EVERY: Duration = Duration::from_millis(50);
/// Bytes of a ring that are inspected between two looks at the clock: some milliseconds' work.
const PIECE: usize = 64 << 10;

/// Empties the rings until it is dropped.
pub(super) struct Drains {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Drains {
    /// Begins. `percent`: what an inspecting thread may use of one core.
    ///
    /// # Errors
    /// No thread or descriptor can be had.
    pub(super) fn begin(kernel: &Kernel, inspectors: &Inspectors, percent: u8) -> io::Result<Self> {
        let mut drains = Self {
            stop: Arc::default(),
            threads: Vec::new(),
        };
        for (number, ring) in kernel.samples.iter().enumerate() {
            let work = Inspecting {
                filled: ring.lock().descriptor()?,
                ring: Arc::clone(ring),
                inspectors: inspectors.clone(),
                share: Share::of(percent),
            };
            drains.spawn(format!("inspect-{number}"), |stop| work.run(stop))?;
        }
        let late = Arc::clone(&kernel.late);
        drains.spawn("late".to_owned(), move |stop| hold(&late, stop))?;
        Ok(drains)
    }

    fn spawn(
        &mut self,
        name: String,
        work: impl FnOnce(&AtomicBool) + Send + 'static,
    ) -> io::Result<()> {
        let stop = Arc::clone(&self.stop);
        let thread = thread::Builder::new().name(name);
        self.threads.push(thread.spawn(move || work(&stop))?);
        Ok(())
    }

    /// # Errors
    /// A thread has ended by itself: labels or late packets would be lost from now on.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let ended = self.threads.iter().find(|thread| thread.is_finished());
        if let Some(thread) = ended {
            let name = thread.thread().name().unwrap_or_default();
            bail!("the thread {name} has ended; start the agent again, it takes the flows over");
        }
        Ok(())
    }
}

impl Drop for Drains {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // It panicked: that has been said.
            let _ = thread.join();
        }
    }
}

/// What an inspecting thread works on.
struct Inspecting {
    ring: Arc<Mutex<Ring>>,
    filled: OwnedFd,
    inspectors: Inspectors,
    share: Share,
}

impl Inspecting {
    fn run(mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            if leaving_no_trace(|| self.inspect()) {
                wait(&self.filled);
            }
            // The ring fills up meanwhile: the kernel counts what it can't take.
            thread::sleep(self.share.rest());
        }
    }

    /// A piece; true where nothing waits any more.
    fn inspect(&self) -> bool {
        let mut ring = self.ring.lock();
        let mut shard = None;
        ring.samples(PIECE, |header, bytes| {
            let shard = shard.get_or_insert_with(|| self.inspectors.of(header.id));
            shard.add(header, bytes);
            // The agent asks for one label after another: it waits for one sample, not for all.
            MutexGuard::bump(shard);
        });
        drop(shard);
        let emptied = ring.is_emptied();
        MutexGuard::unlock_fair(ring);
        emptied
    }
}

/// Sleeps until the ring fills up, or is to be looked at.
fn wait(filled: &OwnedFd) {
    let mut descriptors = [PollFd::new(filled.as_fd(), PollFlags::POLLIN)];
    // A signal or a descriptor that tells nothing costs a look too many.
    let _ = poll(&mut descriptors, PollTimeout::from(SAMPLES_EVERY_MS));
}

fn hold(late: &Mutex<LateRing>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(LATE_EVERY);
        leaving_no_trace(|| late.lock().hold_while_busy());
    }
}
