//! How much is removed before anything is written.

use serde::{Deserialize, Serialize};

use super::Port;

/// How much is removed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Counts of a day alone.
    Aggregate,
    /// Flows: times to the hour, numbers to a power of two, ports when common.
    #[default]
    Coarse,
    /// Flows: times to the minute, numbers as the thesis needs them, ports as they are.
    Thesis,
}

/// Step of flow counts at [`Level::Aggregate`] (as tor's own statistics round).
const FLOW_STEP: u64 = 8;
/// Step of bytes at [`Level::Thesis`] and [`Level::Aggregate`].
const BYTE_STEP: u64 = 1024;
/// Step of durations at [`Level::Thesis`], milliseconds.
const DURATION_STEP: u64 = 100;
const HOUR_MINUTES: i64 = 60;

impl Level {
    /// Its name in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aggregate => "aggregate",
            Self::Coarse => "coarse",
            Self::Thesis => "thesis",
        }
    }

    /// Fewest flows of a kind that is told apart from others.
    #[must_use]
    pub fn k(self) -> u64 {
        match self {
            Self::Aggregate => 8,
            Self::Coarse | Self::Thesis => 20,
        }
    }

    /// Whether flows get lines, and hours statistics.
    #[must_use]
    pub fn has_flows(self) -> bool {
        self != Self::Aggregate
    }

    /// A begin, in minutes since the epoch, as it is told.
    #[must_use]
    pub fn minutes(self, minutes: i64) -> i64 {
        match self {
            Self::Thesis => minutes,
            Self::Coarse | Self::Aggregate => minutes - minutes.rem_euclid(HOUR_MINUTES),
        }
    }

    /// Packets of a record as they are told.
    #[must_use]
    pub fn packets(self, packets: u64) -> u64 {
        match self {
            Self::Thesis => packets,
            Self::Coarse | Self::Aggregate => bucket(packets),
        }
    }

    /// Bytes of a record as they are told.
    #[must_use]
    pub fn bytes(self, bytes: u64) -> u64 {
        match self {
            Self::Thesis => round_up(bytes, BYTE_STEP),
            Self::Coarse | Self::Aggregate => bucket(bytes),
        }
    }

    /// Duration of a record, milliseconds, as it is told.
    #[must_use]
    pub fn duration_ms(self, duration: u64) -> u64 {
        match self {
            Self::Thesis => duration - duration % DURATION_STEP,
            Self::Coarse | Self::Aggregate => bucket(duration),
        }
    }

    /// A port as it is told.
    #[must_use]
    pub fn port(self, port: u16) -> Port {
        match self {
            Self::Thesis => Port::Number(port),
            Self::Coarse | Self::Aggregate => Port::of(port),
        }
    }

    /// Flows or packets of a day's cell as they are told.
    #[must_use]
    pub fn count(self, count: u64) -> u64 {
        match self {
            Self::Aggregate => round_up(count, FLOW_STEP),
            Self::Coarse | Self::Thesis => count,
        }
    }

    /// Bytes of a day's cell as they are told.
    #[must_use]
    pub fn volume(self, bytes: u64) -> u64 {
        match self {
            Self::Aggregate => round_up(bytes, BYTE_STEP),
            Self::Coarse | Self::Thesis => bytes,
        }
    }
}

/// `number` rounded down to a power of two; 0 stays 0.
#[must_use]
pub fn bucket(number: u64) -> u64 {
    number.checked_ilog2().map_or(0, |log| 1 << log)
}

/// To a multiple of `step`; the largest number where there is none.
fn round_up(number: u64, step: u64) -> u64 {
    number.checked_next_multiple_of(step).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_the_power_of_two_below_and_zero_stays_zero() {
        assert_eq!([0, 1, 3, 4].map(bucket), [0, 1, 2, 4]);
        assert_eq!(bucket(u64::MAX), 1 << 63);
    }

    #[test]
    fn coarse_tells_powers_of_two_and_full_hours() {
        let level = Level::Coarse;
        assert_eq!(
            (level.packets(9), level.bytes(1500), level.duration_ms(999)),
            (8, 1024, 512)
        );
        assert_eq!(level.minutes(61), 60);
        assert_eq!(level.minutes(-1), -60);
    }

    #[test]
    fn thesis_tells_packets_kibibytes_and_tenths_of_seconds() {
        let level = Level::Thesis;
        assert_eq!(
            (level.packets(9), level.bytes(1025), level.duration_ms(999)),
            (9, 2048, 900)
        );
        assert_eq!(level.bytes(u64::MAX), u64::MAX);
        assert_eq!(
            (level.minutes(61), level.port(4444)),
            (61, Port::Number(4444))
        );
    }

    #[test]
    fn aggregate_rounds_its_sums_up_and_the_others_are_exact() {
        assert_eq!(
            (Level::Aggregate.count(9), Level::Aggregate.volume(1)),
            (16, 1024)
        );
        assert_eq!((Level::Coarse.count(9), Level::Thesis.volume(1)), (9, 1));
    }
}
