//! Steps of the wall clock, and sleep.

use super::super::sys;

/// A clock that is set moves by more than this between two looks; one that is slewed does not.
const STEP: u64 = 500_000_000;

/// The host's clocks at one moment, nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Clocks {
    /// Since 1970 (CLOCK_REALTIME).
    pub wall: i128,
    /// Since boot, sleep counted (CLOCK_BOOTTIME).
    pub boot: u64,
    /// Since boot, awake (CLOCK_MONOTONIC).
    pub awake: u64,
}

/// What clocks did between two looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    /// The wall clock was set by so much, nanoseconds.
    pub step: Option<i128>,
    /// The host slept for so long, nanoseconds.
    pub slept: Option<u64>,
}

impl Clocks {
    /// Now.
    #[must_use]
    pub(in super::super) fn now() -> Self {
        Self {
            wall: i128::from(sys::wall_time()),
            boot: sys::boot_time(),
            awake: sys::awake_time(),
        }
    }

    /// What happened since `earlier`.
    #[must_use]
    pub(super) fn since(&self, earlier: &Self) -> Moved {
        let boot = self.boot.saturating_sub(earlier.boot);
        let step = self.wall - earlier.wall - i128::from(boot);
        let slept = boot.saturating_sub(self.awake.saturating_sub(earlier.awake));
        Moved {
            step: (step.unsigned_abs() > u128::from(STEP)).then_some(step),
            slept: (slept > STEP).then_some(slept),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn at(wall: i128, boot: u64, awake: u64) -> Clocks {
        let second = i128::from(SECOND);
        Clocks {
            wall: wall * second,
            boot: boot * SECOND,
            awake: awake * SECOND,
        }
    }

    #[test]
    fn clocks_that_go_alike_have_not_moved_and_a_slewed_one_neither() {
        let before = at(1000, 10, 8);
        let mut after = at(1001, 11, 9);
        assert_eq!(after.since(&before), Moved::default());
        after.wall += 400_000_000;
        assert_eq!(after.since(&before), Moved::default());
    }

    #[test]
    fn a_clock_that_is_set_has_stepped_by_the_difference_either_way() {
        let before = at(1000, 10, 8);
        let ahead = at(4601, 11, 9).since(&before);
        assert_eq!(ahead.step, Some(3600 * i128::from(SECOND)));
        let back = at(401, 11, 9).since(&before);
        assert_eq!(back.step, Some(-600 * i128::from(SECOND)));
        assert_eq!((ahead.slept, back.slept), (None, None));
    }

    #[test]
    fn sleep_moves_the_clock_of_waking_alone_and_is_no_step() {
        let moved = at(1000 + 7201, 10 + 7201, 9).since(&at(1000, 10, 8));
        assert_eq!(moved.slept, Some(7200 * SECOND));
        assert_eq!(moved.step, None);
    }
}
