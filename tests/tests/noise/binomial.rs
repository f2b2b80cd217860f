//! Exact chances of a binomial distribution.

use std::f64::consts::PI;

/// A term this much smaller than the sum so far, where terms shrink, ends it.
const NEGLIGIBLE: f64 = 1e-18;
/// Halvings after which an interval within 0 to 1 is a point.
const HALVINGS: u32 = 50;

/// Chance of `hits` or more of `tries`, of which each hits with `chance`.
pub(crate) fn at_least(hits: u64, tries: u64, chance: f64) -> f64 {
    if hits == 0 || chance >= 1.0 {
        return 1.0;
    }
    if chance <= 0.0 {
        return 0.0;
    }
    let (odds, mean) = (chance / (1.0 - chance), tries as f64 * chance);
    let mut term = exactly(hits, tries, chance);
    let mut sum = term;
    for number in hits..tries {
        term *= (tries - number) as f64 / (number + 1) as f64 * odds;
        sum += term;
        if number as f64 > mean && term <= sum * NEGLIGIBLE {
            break;
        }
    }
    sum.min(1.0)
}

/// Chance of `hits` or fewer.
pub(crate) fn at_most(hits: u64, tries: u64, chance: f64) -> f64 {
    at_least(tries - hits, tries, 1.0 - chance)
}

/// What the chance is at least and at most, after `hits` of `tries`; each is wrong with a chance
/// of at most `alpha` (Clopper and Pearson, 1934).
pub(crate) fn bounds(hits: u64, tries: u64, alpha: f64) -> (f64, f64) {
    let share = hits as f64 / tries as f64;
    let low = last_true(0.0, share, |chance| at_least(hits, tries, chance) <= alpha);
    let high = last_true(1.0, share, |chance| at_most(hits, tries, chance) <= alpha);
    (low, high)
}

/// Where between `yes` and `no` an answer turns.
fn last_true(mut yes: f64, mut no: f64, is_true: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(yes, no);
        *(if is_true(middle) { &mut yes } else { &mut no }) = middle;
    }
    yes
}

fn exactly(hits: u64, tries: u64, chance: f64) -> f64 {
    let (hit, miss) = (hits as f64, (tries - hits) as f64);
    let ways = ln_factorial(tries) - ln_factorial(hits) - ln_factorial(tries - hits);
    (ways + hit * chance.ln() + miss * (-chance).ln_1p()).exp()
}

/// Stirling's series, whose error where it is used is below that of the sum.
fn ln_factorial(number: u64) -> f64 {
    if number < 32 {
        return (1..=number).map(|factor| (factor as f64).ln()).sum();
    }
    let n = number as f64;
    let series = 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3)) + 1.0 / (1260.0 * n.powi(5));
    n * n.ln() - n + (2.0 * PI * n).ln() / 2.0 + series
}

#[test]
fn chances_are_those_of_the_textbook() {
    let near = |one: f64, other: f64| (one / other - 1.0).abs() < 1e-8;
    assert!(near(at_least(9, 10, 0.5), 11.0 / 1024.0));
    assert!(near(at_most(1, 10, 0.5), 11.0 / 1024.0));
    assert!(near(
        at_least(1, 1_000_000, 1e-6),
        1.0 - (1e6 * (-1e-6_f64).ln_1p()).exp()
    ));
    let middle = 1.0 / (PI * 5e5).sqrt() * (1.0 - 1.0 / 4e6);
    assert!(near(exactly(500_000, 1_000_000, 0.5), middle));
    assert!(near(at_most(500_000, 1_000_000, 0.5), (1.0 + middle) / 2.0));
    assert_eq!((at_least(0, 9, 0.1), at_most(9, 9, 0.1)), (1.0, 1.0));
    assert_eq!((at_least(1, 9, 0.0), at_most(8, 9, 1.0)), (0.0, 0.0));
}

#[test]
fn bounds_are_those_of_clopper_and_pearson() {
    // Without a hit in n tries the upper bound is 1 - alpha^(1/n).
    let (low, high) = bounds(0, 20, 0.025);
    assert_eq!(low, 0.0);
    assert!((high - (1.0 - 0.025_f64.powf(0.05))).abs() < 1e-9, "{high}");
    let (low, high) = bounds(5, 10, 0.025);
    assert!((low - 0.187_086).abs() < 1e-6, "{low}");
    assert!((high - 0.812_914).abs() < 1e-6, "{high}");
}
