//! An interface's units of time, as nanoseconds.

const NANOSECONDS: i128 = 1_000_000_000;

/// What turns a packet's 64-bit time into nanoseconds since the Unix epoch.
pub(super) struct Clock {
    scale: Scale,
    /// Nanoseconds to add.
    offset: i128,
}

/// How many nanoseconds a unit has.
enum Scale {
    /// So many.
    Times(u64),
    /// One in so many.
    Over(u64),
    /// A second in a power of two.
    Binary(u32),
}

impl Clock {
    /// `resolution` as `if_tsresol` has it: a negative power of 10 or, with the highest bit set, of
    /// 2. `offset`: `if_tsoffset`, seconds.
    pub(super) fn new(resolution: u8, offset: i64) -> Self {
        let exponent = u32::from(resolution & 0x7f);
        let scale = if resolution & 0x80 != 0 {
            Scale::Binary(exponent)
        } else if exponent <= 9 {
            Scale::Times(10_u64.pow(9 - exponent))
        } else {
            // Of smaller units 64 bits make no nanosecond.
            let units_each = 10_u64.checked_pow(exponent - 9);
            units_each.map_or(Scale::Times(0), Scale::Over)
        };
        Self {
            scale,
            offset: i128::from(offset) * NANOSECONDS,
        }
    }

    /// Nanoseconds since the Unix epoch, saturating both ways.
    #[inline]
    pub(super) fn time(&self, units: u64) -> u64 {
        // A product of two numbers of 64 bits, 63 of them used, fits.
        let since = match self.scale {
            Scale::Times(nanoseconds) => i128::from(units) * i128::from(nanoseconds),
            Scale::Over(units_each) => i128::from(units / units_each),
            Scale::Binary(exponent) => (i128::from(units) * NANOSECONDS) >> exponent,
        };
        let time = since + self.offset;
        u64::try_from(time.max(0)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten_and_of_two_become_nanoseconds() {
        let second = |resolution, units| Clock::new(resolution, 0).time(units);
        assert_eq!(second(0, 1), 1_000_000_000);
        assert_eq!(second(3, 1), 1_000_000);
        assert_eq!(second(6, 1_700_000_000_123_456), 1_700_000_000_123_456_000);
        assert_eq!(second(9, 7), 7);
        assert_eq!(second(12, 7_999), 7);
        assert_eq!(second(0x80, 2), 2_000_000_000);
        assert_eq!(second(0x80 | 10, 1536), 1_500_000_000);
        assert_eq!(second(0x80 | 63, 1 << 62), 500_000_000);
    }

    #[test]
    fn the_offset_counts_seconds_in_both_directions() {
        assert_eq!(Clock::new(9, 3).time(5), 3_000_000_005);
        assert_eq!(Clock::new(9, -3).time(5_000_000_000), 2_000_000_000);
    }

    #[test]
    fn times_before_the_epoch_and_beyond_2554_saturate() {
        assert_eq!(Clock::new(9, -3).time(5), 0);
        assert_eq!(Clock::new(9, i64::MIN).time(u64::MAX), 0);
        assert_eq!(Clock::new(0, i64::MAX).time(u64::MAX), u64::MAX);
        assert_eq!(Clock::new(9, 1).time(u64::MAX), u64::MAX);
    }

    #[test]
    fn no_resolution_overflows() {
        for resolution in 0..=u8::MAX {
            for offset in [i64::MIN, -1, 0, 1, i64::MAX] {
                for units in [0, 1, u64::MAX] {
                    Clock::new(resolution, offset).time(units);
                }
            }
        }
        assert_eq!(Clock::new(127, 0).time(u64::MAX), 0);
        assert_eq!(Clock::new(255, 0).time(u64::MAX), 0);
    }
}
