//! Settings of the files that a live meter writes: how large they get, and how long they stay.

use std::time::Duration;

use anyhow::ensure;
use bytesize::ByteSize;
use clap::Args;
use serde::Deserialize;

use crate::sink::{Limits, retention::Retention};

/// Flags of `run`; keys of the configuration file, too.
#[derive(Args, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Keeping {
    /// A file is closed when it has so much text before compression, as in 16MiB [default: 64MiB]
    #[arg(long, value_name = "SIZE")]
    pub(super) rotate_size: Option<ByteSize>,
    /// Memory for records that wait while the disk takes nothing; what comes beyond is counted as
    /// unwritten [default: 16MiB]
    #[arg(long, value_name = "SIZE")]
    pub(super) queue_bytes: Option<ByteSize>,
    /// Files go when they are older [default: 90]
    #[arg(long, value_name = "DAYS")]
    pub(super) keep_days: Option<u32>,
    /// The oldest files go when all take more room than this; those of days last [default: 5GiB]
    #[arg(long, value_name = "SIZE")]
    pub(super) keep_bytes: Option<ByteSize>,
    /// Room of the disk that stays free: with less, the oldest files of flows go, and nothing is
    /// written [default: 5]
    #[arg(long, value_name = "PERCENT")]
    pub(super) keep_free: Option<u8>,
}

impl Keeping {
    /// Where `flags` are silent, these speak.
    #[must_use]
    pub(super) fn under(self, flags: Self) -> Self {
        Self {
            rotate_size: flags.rotate_size.or(self.rotate_size),
            queue_bytes: flags.queue_bytes.or(self.queue_bytes),
            keep_days: flags.keep_days.or(self.keep_days),
            keep_bytes: flags.keep_bytes.or(self.keep_bytes),
            keep_free: flags.keep_free.or(self.keep_free),
        }
    }

    /// `limits` with what is set here.
    ///
    /// # Errors
    /// A value out of its range: the message says which.
    pub(super) fn limits(&self, limits: Limits) -> anyhow::Result<Limits> {
        let retention = limits.retention;
        let days = self.keep_days.unwrap_or(90);
        ensure!(
            (1..=36_500).contains(&days),
            "--keep-days is from 1 to 36500, not {days}"
        );
        let percent = self.keep_free.unwrap_or(retention.min_free_percent);
        ensure!(
            percent < 100,
            "--keep-free is from 0 to 99 per cent, not {percent}"
        );
        // Closing holds a file's text in memory.
        let text = size(
            "--rotate-size",
            self.rotate_size,
            limits.spool_text,
            (MIB, GIB),
        )?;
        let queue = limits.queue as u64;
        let queue = size("--queue-bytes", self.queue_bytes, queue, (KIB, GIB))?;
        let most = size(
            "--keep-bytes",
            self.keep_bytes,
            retention.max_bytes,
            (MIB, u64::MAX),
        )?;
        Ok(Limits {
            spool_text: text,
            queue: usize::try_from(queue)?,
            retention: Retention {
                max_age: Duration::from_hours(24 * u64::from(days)),
                max_bytes: most,
                min_free_percent: percent,
                ..retention
            },
            ..limits
        })
    }
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

fn size(
    flag: &str,
    given: Option<ByteSize>,
    default: u64,
    (least, most): (u64, u64),
) -> anyhow::Result<u64> {
    let bytes = given.map_or(default, |given| given.as_u64());
    ensure!(
        (least..=most).contains(&bytes),
        "{flag} is from {} to {}, not {}",
        ByteSize(least),
        ByteSize(most),
        ByteSize(bytes)
    );
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(text: &str) -> anyhow::Result<Limits> {
        toml::from_str::<Keeping>(text)?.limits(Limits::default())
    }

    #[test]
    fn what_is_not_set_is_the_sinks_default() {
        let (ours, sinks) = (limits("").unwrap(), Limits::default());
        assert_eq!(ours.retention, sinks.retention);
        assert_eq!(
            (ours.spool_text, ours.queue),
            (sinks.spool_text, sinks.queue)
        );
    }

    #[test]
    fn sizes_are_written_as_people_do_or_in_bytes() {
        let text = "keep-bytes = \"1.5GiB\"\nqueue-bytes = 4096\nrotate-size = \"16 MiB\"";
        let limits = limits(text).unwrap();
        assert_eq!(limits.retention.max_bytes, 3 << 29);
        assert_eq!((limits.queue, limits.spool_text), (4096, 16 << 20));
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_name() {
        for (text, flag) in [
            ("keep-days = 0", "--keep-days"),
            ("keep-free = 100", "--keep-free"),
            ("keep-bytes = \"1kB\"", "--keep-bytes is from 1.0 MiB"),
            ("rotate-size = \"2GiB\"", "--rotate-size"),
            ("queue-bytes = 0", "--queue-bytes"),
        ] {
            let error = limits(text).err().unwrap().to_string();
            assert!(error.contains(flag), "{error}");
        }
    }
}
