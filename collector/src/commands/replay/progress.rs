//! Progress of a replay, for a person at a terminal; silent otherwise.

use std::io::{self, IsTerminal};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line on standard error: bytes, rate, time left.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// `total`: bytes of all captures, where they are known.
    pub(super) fn of(total: Option<u64>) -> Self {
        let target = if io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(total, target);
        let template = if total.is_some() {
            "{bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {msg}, {eta} left"
        } else {
            "{spinner} {binary_bytes} {binary_bytes_per_sec} {msg}, {elapsed}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// Bytes of all captures that are done.
    pub(super) fn bytes(&self) -> u64 {
        self.bar.position()
    }

    pub(super) fn look(&self, bytes: u64, packets: u64) {
        self.bar.set_position(bytes);
        let seconds = self.bar.elapsed().as_secs_f64().max(0.001);
        // A rate for a person.
        let rate = (packets as f64 / seconds) as u64;
        self.bar
            .set_message(format!("{} packets/s", HumanCount(rate)));
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
