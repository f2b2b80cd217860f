//! Steps of the machine's clock, which everything on the machine sees.

use anyhow::{Context, Result};
use nix::{
    sys::time::TimeSpec,
    time::{ClockId, clock_gettime, clock_settime},
};

/// The clock is off; it is set right, by the boot clock, when this is dropped.
#[derive(Debug)]
pub(super) struct Step {
    /// What the clock is ahead of the boot clock when it is right.
    right: TimeSpec,
}

impl Step {
    /// Sets the clock by so many seconds.
    ///
    /// # Errors
    /// Not root, or the machine does not allow it.
    pub(super) fn by(seconds: i64) -> Result<Self> {
        let right =
            clock_gettime(ClockId::CLOCK_REALTIME)? - clock_gettime(ClockId::CLOCK_BOOTTIME)?;
        let step = Self { right };
        step.set(TimeSpec::new(seconds, 0))?;
        Ok(step)
    }

    fn set(&self, off: TimeSpec) -> Result<()> {
        let now = clock_gettime(ClockId::CLOCK_BOOTTIME)? + self.right + off;
        clock_settime(ClockId::CLOCK_REALTIME, now).context("setting the machine's clock")
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Err(error) = self.set(TimeSpec::new(0, 0)) {
            eprintln!("the machine's clock is off: {error:#}");
        }
    }
}
