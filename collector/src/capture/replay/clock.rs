//! Packet time.

use serde::Serialize;

/// Packets whose time was before that of the packet ahead of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OutOfOrder {
    /// How many.
    pub packets: u64,
    /// The largest step back, nanoseconds.
    pub largest: u64,
}

/// The clock that packets drive: as live, it never goes back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    now: u64,
    pub(super) out_of_order: OutOfOrder,
}

impl Clock {
    /// A packet of this time stamp comes; gives the time, nanoseconds since the Unix epoch, at
    /// least 1 (0 means "never" in a flow's entry).
    pub(super) fn packet(&mut self, stamp: u64) -> u64 {
        let stamp = stamp.max(1);
        if stamp < self.now {
            self.out_of_order.packets += 1;
            self.out_of_order.largest = self.out_of_order.largest.max(self.now - stamp);
        }
        self.now = self.now.max(stamp);
        self.now
    }

    /// The latest time so far.
    pub(super) fn now(&self) -> u64 {
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_back_and_says_how_often_a_capture_did() {
        let mut clock = Clock::default();
        let times = [0, 50, 40, 45, 60].map(|stamp| clock.packet(stamp));
        assert_eq!(times, [1, 50, 50, 50, 60]);
        let expected = OutOfOrder {
            packets: 2,
            largest: 10,
        };
        assert_eq!(clock.out_of_order, expected);
    }
}
