//! When each flow is to be looked at: buckets of whole seconds.

/// Seconds ahead that a bucket is kept for; what is due later is looked at in between.
const SPAN: u64 = 128;

/// Numbers of slots by the second at which they are due.
///
/// A slot may stand in several buckets; who takes it out asks the slot whether it is still meant.
#[derive(Debug)]
pub(super) struct Wheel {
    /// By second modulo [`SPAN`].
    buckets: Vec<Vec<u32>>,
    /// Seconds up to and with this one have been taken.
    taken: u64,
    /// In all buckets.
    waiting: usize,
}

impl Wheel {
    pub(super) fn new(second: u64) -> Self {
        Self {
            buckets: (0..SPAN).map(|_| Vec::new()).collect(),
            taken: second,
            waiting: 0,
        }
    }

    /// The second at which a slot will be taken that is put in for `second`.
    pub(super) fn clamp(&self, second: u64) -> u64 {
        second.clamp(self.taken + 1, self.taken + SPAN)
    }

    /// Puts `slot` in for a second that [`Wheel::clamp`] gave.
    pub(super) fn put(&mut self, slot: u32, second: u64) {
        self.bucket(second).push(slot);
        self.waiting += 1;
    }

    /// The first second at which something waits.
    pub(super) fn next(&self) -> Option<u64> {
        if self.waiting == 0 {
            return None;
        }
        let ahead = self.taken + 1..=self.taken + SPAN;
        ahead
            .into_iter()
            .find(|second| !self.buckets[(second % SPAN) as usize].is_empty())
    }

    /// Goes on to `second`, not past the next at which something waits; gives what waits there.
    pub(super) fn take(&mut self, second: u64) -> Vec<u32> {
        if second <= self.taken {
            return Vec::new();
        }
        self.taken = second;
        let slots = std::mem::take(self.bucket(second));
        self.waiting -= slots.len();
        slots
    }

    /// Goes on to `second` when nothing waits up to it.
    pub(super) fn skip(&mut self, second: u64) {
        if self.next().is_none_or(|next| next > second) {
            self.taken = self.taken.max(second);
        }
    }

    fn bucket(&mut self, second: u64) -> &mut Vec<u32> {
        &mut self.buckets[(second % SPAN) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_come_out_at_their_second() {
        let mut wheel = Wheel::new(1_000);
        for (slot, second) in [(1, 1_003), (2, 1_001), (3, 1_003)] {
            let at = wheel.clamp(second);
            assert_eq!(at, second);
            wheel.put(slot, at);
        }
        assert_eq!(wheel.next(), Some(1_001));
        assert_eq!(wheel.take(1_001), [2]);
        assert!(wheel.take(1_002).is_empty());
        assert_eq!(wheel.next(), Some(1_003));
        assert_eq!(wheel.take(1_003), [1, 3]);
        assert_eq!(wheel.next(), None);
        wheel.put(4, 1_003 + SPAN);
        assert!(wheel.take(1_003).is_empty(), "taken before");
    }

    #[test]
    fn an_empty_wheel_follows_the_clock_and_a_waiting_one_stays() {
        let mut wheel = Wheel::new(1_000);
        wheel.skip(9_000);
        assert_eq!(wheel.clamp(0), 9_001);
        wheel.put(1, 9_005);
        wheel.skip(9_005);
        assert_eq!(wheel.next(), Some(9_005));
        wheel.skip(9_004);
        assert_eq!(wheel.take(9_005), [1]);
    }

    #[test]
    fn what_is_far_ahead_or_past_is_looked_at_within_the_span() {
        let wheel = Wheel::new(1_000);
        assert_eq!(wheel.clamp(50), 1_001);
        assert_eq!(wheel.clamp(u64::MAX), 1_000 + SPAN);
    }
}
