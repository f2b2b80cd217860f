//! The discrete Laplace distribution, sampled without rounding: Canonne, Kamath and Steinke,
//! "The Discrete Gaussian for Differential Privacy" (2020), algorithms 1 and 2.
//!
//! Every chance is a fraction of whole numbers. A sampler in floating point tells by its gaps what
//! it added the noise to (Mironov, "On Significance of the Least Significant Bits", 2012).

use std::num::NonZeroU64;

use getrandom::rand_core::TryRng;

/// Whole numbers around 0, of which each k has a chance in proportion to e^(-|k| / scale).
#[derive(Clone, Copy, Debug)]
pub struct DiscreteLaplace {
    numerator: NonZeroU64,
    denominator: NonZeroU64,
}

impl DiscreteLaplace {
    /// With the scale `numerator / denominator`.
    #[must_use]
    pub fn new(numerator: NonZeroU64, denominator: NonZeroU64) -> Self {
        Self {
            numerator,
            denominator,
        }
    }

    /// Draws a number (algorithm 2).
    ///
    /// # Errors
    /// `rng` has none to give.
    pub fn sample<R: TryRng>(&self, rng: &mut R) -> Result<i64, R::Error> {
        let numerator = self.numerator.get();
        loop {
            let part = below(rng, numerator)?;
            if !exp_minus(rng, part, numerator)? {
                continue;
            }
            let mut wholes: u64 = 0;
            while exp_minus(rng, 1, 1)? {
                wholes += 1;
            }
            // To saturate here takes a chance that nobody will ever see.
            let sum = wholes.saturating_mul(numerator).saturating_add(part);
            let distance = i64::try_from(sum / self.denominator).unwrap_or(i64::MAX);
            let is_negative = below(rng, 2)? == 1;
            // 0 would otherwise come from both sides.
            if distance != 0 || !is_negative {
                return Ok(if is_negative { -distance } else { distance });
            }
        }
    }
}

/// True with chance e^(-numerator / denominator), for a fraction of at most 1 (algorithm 1).
fn exp_minus<R: TryRng>(rng: &mut R, numerator: u64, denominator: u64) -> Result<bool, R::Error> {
    let mut turn = 1;
    // Goes on with chance (numerator / denominator) / turn, asked in two steps so that no product
    // can overflow.
    while below(rng, denominator)? < numerator && below(rng, turn)? == 0 {
        turn += 1;
    }
    Ok(turn % 2 == 1)
}

/// One of the numbers below `end`, which is not 0, each with the same chance.
fn below<R: TryRng>(rng: &mut R, end: u64) -> Result<u64, R::Error> {
    if end <= 1 {
        return Ok(0);
    }
    let unused = (end - 1).leading_zeros();
    loop {
        let number = rng.try_next_u64()? >> unused;
        if number < end {
            return Ok(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::*;

    const DRAWS: i32 = 100_000;

    fn seeded() -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(5)
    }

    fn share(mut hit: impl FnMut() -> bool) -> f64 {
        let hits: i32 = (0..DRAWS).map(|_| i32::from(hit())).sum();
        f64::from(hits) / f64::from(DRAWS)
    }

    /// Five standard deviations of a share, at most.
    fn tolerance() -> f64 {
        5.0 * 0.5 / f64::from(DRAWS).sqrt()
    }

    #[test]
    fn a_number_below_five_is_each_of_the_five_equally_often() {
        let mut rng = seeded();
        for number in 0..5 {
            let share = share(|| below(&mut rng, 5).unwrap() == number);
            assert!((share - 0.2).abs() < tolerance(), "{number}: {share}");
        }
        assert_eq!(below(&mut rng, 1), Ok(0));
        assert!(below(&mut rng, u64::MAX).unwrap() < u64::MAX);
    }

    #[test]
    fn a_chance_of_e_to_minus_a_fraction_is_met() {
        let mut rng = seeded();
        for (numerator, denominator, chance) in [
            (0, 7, 1.0),
            (1, 1, (-1_f64).exp()),
            (2, 5, (-0.4_f64).exp()),
        ] {
            let share = share(|| exp_minus(&mut rng, numerator, denominator).unwrap());
            assert!((share - chance).abs() < tolerance(), "{share} {chance}");
        }
    }

    #[test]
    fn zero_is_as_frequent_as_the_closed_form_says() {
        let mut rng = seeded();
        for (numerator, denominator) in [(10_u32, 3_u32), (1, 1), (1, 10), (33_000_000, 300_000)] {
            let part = |number: u32| NonZeroU64::new(number.into()).unwrap();
            let laplace = DiscreteLaplace::new(part(numerator), part(denominator));
            let chance = (f64::from(denominator) / f64::from(numerator) / 2.0).tanh();
            let share = share(|| laplace.sample(&mut rng).unwrap() == 0);
            assert!((share - chance).abs() < tolerance(), "{share} {chance}");
        }
    }
}
