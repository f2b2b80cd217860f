//! How a fault begins and ends.

use std::time::Instant;

use anyhow::Result;
use nix::sys::signal::Signal;

use super::{
    clock::Step,
    course::Course,
    faults::{Fault, Next},
    traffic::Burst,
};

/// Of a step of the clock, either way.
const STEP: std::ops::RangeInclusive<i64> = 2..=6;

/// A fault that has begun.
pub(super) struct Active {
    pub(super) fault: Fault,
    pub(super) until: Instant,
    /// Sets the clock right when it is dropped.
    _step: Option<Step>,
}

impl Course<'_> {
    /// Lets it go wrong.
    pub(super) fn begin_fault(&mut self, next: Next) -> Result<()> {
        let fault = next.fault;
        self.next = None;
        self.event(&fault.to_string())?;
        *self.faults.entry(fault.to_string()).or_default() += 1;
        // Before retention removes files from a disk that is full.
        self.books.read_files(self.home)?;
        let step = self.inject(fault)?;
        self.active = Some(Active {
            fault,
            until: Instant::now() + next.lasts,
            _step: step,
        });
        Ok(())
    }

    fn inject(&mut self, fault: Fault) -> Result<Option<Step>> {
        match fault {
            Fault::Kill => self.supervisor.kill()?,
            Fault::Full => self.disk.fill()?,
            Fault::ReadOnly => {
                // No file is open for writing then.
                self.supervisor.kill()?;
                self.disk.set_read_only(true)?;
            }
            Fault::Ring => {
                self.signal(Signal::SIGSTOP)?;
                self.traffic.burst(Burst::Datagrams);
            }
            Fault::Flap => self.set_link("down")?,
            Fault::Reload => self.signal(Signal::SIGHUP)?,
            Fault::Restart => self.restart()?,
            Fault::Clock => return self.step().map(Some),
        }
        Ok(None)
    }

    /// Heals what is broken, if anything is.
    pub(super) fn end_fault(&mut self) -> Result<()> {
        let Some(active) = self.active.take() else {
            return Ok(());
        };
        match active.fault {
            Fault::Full => self.disk.empty()?,
            Fault::ReadOnly => self.disk.set_read_only(false)?,
            Fault::Ring => self.signal(Signal::SIGCONT)?,
            Fault::Flap => self.set_link("up")?,
            Fault::Kill | Fault::Reload | Fault::Restart | Fault::Clock => {}
        }
        self.event("healed")?;
        self.plan_next();
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        match self.supervisor.running() {
            Some(running) => running.signal(signal),
            None => Ok(()),
        }
    }

    /// Nothing is on its way meanwhile: what a hook sees, the interface counts.
    fn set_link(&self, state: &str) -> Result<()> {
        let interface = &self.interface;
        let change = format!("link set {} {state}", interface.name);
        self.traffic.pause(true);
        let changed = interface.namespace.ip(&change);
        self.traffic.pause(false);
        changed.map(drop)
    }

    /// Nothing is sent meanwhile: between two lives of the maps no hook would see it.
    fn restart(&mut self) -> Result<()> {
        if self.supervisor.running().is_none() {
            return Ok(());
        }
        self.traffic.pause(true);
        self.close_books()?;
        self.supervisor.look(false)?;
        self.traffic.pause(false);
        Ok(())
    }

    fn step(&mut self) -> Result<Step> {
        let seconds = self.random.i64(STEP);
        Step::by(if self.random.bool() {
            seconds
        } else {
            -seconds
        })
    }
}
