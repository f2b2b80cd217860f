//! Numbers as people read them.

/// With a prefix of thousands, at most five characters: `999`, `1.0k`, `12.3M`.
pub(super) fn short(number: u64) -> String {
    const PREFIXES: [&str; 6] = ["k", "M", "G", "T", "P", "E"];
    if number < 1000 {
        return number.to_string();
    }
    let mut rest = number;
    for prefix in PREFIXES {
        // One digit behind the point, cut off: what is shown was reached.
        if rest < 1_000_000 {
            return format!("{}.{}{prefix}", rest / 1000, rest % 1000 / 100);
        }
        rest /= 1000;
    }
    number.to_string()
}

/// Seconds as the two largest units.
pub(super) fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match () {
        () if days > 0 => format!("{days} d {} h", hours % 24),
        () if hours > 0 => format!("{hours} h {} min", minutes % 60),
        () if minutes > 0 => format!("{minutes} min {} s", seconds % 60),
        () => format!("{seconds} s"),
    }
}

/// Of `whole`, in per cent; 0 of nothing.
pub(super) fn per_cent(part: u64, whole: u64) -> u64 {
    let whole = u128::from(whole.max(1));
    u64::try_from(u128::from(part) * 100 / whole).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_never_rounded_up() {
        let told = [0, 999, 1000, 1999, 12_345, 999_999, 1_000_000, u64::MAX].map(short);
        assert_eq!(
            told,
            [
                "0", "999", "1.0k", "1.9k", "12.3k", "999.9k", "1.0M", "18.4E"
            ]
        );
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let told = [59, 61, 3700, 90_000].map(duration);
        assert_eq!(told, ["59 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
    }

    #[test]
    fn per_cent_of_nothing_is_nothing() {
        assert_eq!((per_cent(1, 3), per_cent(0, 0)), (33, 0));
        assert_eq!(per_cent(u64::MAX, u64::MAX), 100);
    }
}
