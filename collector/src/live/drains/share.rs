//! What a thread may use of a core.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// Over which the use is measured.
const SPAN: Duration = Duration::from_millis(100);

/// A thread's CPU time against its share.
pub(super) struct Share {
    /// CPU time a span.
    allowed: Duration,
    /// When this span began, and how much CPU time was used before.
    span: Option<(Instant, Duration)>,
}

impl Share {
    /// `percent` of one core.
    pub(super) fn of(percent: u8) -> Self {
        Self {
            allowed: SPAN * u32::from(percent) / 100,
            span: None,
        }
    }

    /// How long the calling thread has to rest: until this span is over, when its share is used up.
    pub(super) fn rest(&mut self) -> Duration {
        self.rest_at(Instant::now(), used())
    }

    fn rest_at(&mut self, now: Instant, used: Duration) -> Duration {
        let (began, before) = *self.span.get_or_insert((now, used));
        let passed = now.saturating_duration_since(began);
        if passed >= SPAN {
            self.span = Some((now, used));
            return Duration::ZERO;
        }
        if used.saturating_sub(before) < self.allowed {
            return Duration::ZERO;
        }
        SPAN - passed
    }
}

/// CPU time of the calling thread.
fn used() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_thread_rests_until_its_span_is_over_once_its_share_is_used() {
        let mut share = Share::of(50);
        let start = Instant::now();
        assert_eq!(share.rest_at(start, 7 * MS), Duration::ZERO);
        assert_eq!(share.rest_at(start + 49 * MS, 56 * MS), Duration::ZERO);
        assert_eq!(share.rest_at(start + 60 * MS, 57 * MS), 40 * MS);
        assert_eq!(share.rest_at(start + 100 * MS, 57 * MS), Duration::ZERO);
        assert_eq!(share.rest_at(start + 149 * MS, 106 * MS), Duration::ZERO);
        assert_eq!(share.rest_at(start + 160 * MS, 107 * MS), 40 * MS);
    }

    #[test]
    fn a_whole_core_is_never_rested_of() {
        let mut share = Share::of(100);
        let start = Instant::now();
        for ms in 0..500 {
            let rest = share.rest_at(start + ms * MS, ms * MS);
            assert_eq!(rest, Duration::ZERO, "{ms}");
        }
    }
}
