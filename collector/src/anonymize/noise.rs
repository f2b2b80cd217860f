//! Differential privacy: noise on counts of flows.
//!
//! Two sets of flows are neighbours when one has an action of at most `bound` flows that the other
//! lacks. A key list cuts all flows into cells, so that each flow is in one cell, and neighbours
//! differ by at most `bound` over all cells of a list. A release of L lists differs by at most
//! L × bound; discrete Laplace noise of the scale L × bound / epsilon on each cell makes the whole
//! release differentially private with epsilon, each list having an equal share (Dwork, McSherry,
//! Nissim and Smith 2006; Ghosh, Roughgarden and Sundararajan 2009 for whole numbers).
//!
//! Counts of flows only: packets and bytes have no bound that one flow keeps.

use std::num::{NonZeroU8, NonZeroU64};

use getrandom::{SysRng, rand_core::TryRng};

mod laplace;
mod parameters;

pub use collector_common::schema::Period;
pub use laplace::DiscreteLaplace;
pub use parameters::{Bound, Dp, DpError, Epsilon};

/// A count could not be released. Nothing of its list was.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoiseError {
    /// A key that is not on the list, which has no cell for the rest.
    #[error("a flow is counted under a key that its list does not have; this is a bug, report it")]
    Unlisted,
    /// More lists than epsilon was split over.
    #[error("more key lists than epsilon was split over; this is a bug, report it")]
    Overspent,
    /// The system has no randomness to give.
    #[error("no randomness from the system: {0}")]
    Random(String),
}

/// Keys that are the same whatever was metered: that a key is there must tell nothing.
#[derive(Clone, Debug)]
pub struct KeyList<K> {
    keys: Vec<K>,
    rest: Option<usize>,
}

impl<K: Ord> KeyList<K> {
    /// All keys that there can be.
    pub fn all(keys: impl IntoIterator<Item = K>) -> Self {
        let mut keys: Vec<K> = keys.into_iter().collect();
        keys.sort_unstable();
        keys.dedup();
        Self { keys, rest: None }
    }

    /// `keys`, and `rest` for every other.
    pub fn with_rest(keys: impl IntoIterator<Item = K>, rest: K) -> Self
    where
        K: Clone,
    {
        let list = Self::all(keys.into_iter().chain([rest.clone()]));
        let rest = list.keys.binary_search(&rest).ok();
        Self { rest, ..list }
    }

    /// A count for each key, 0 where `counts` has none.
    fn tally(&self, counts: impl IntoIterator<Item = (K, u64)>) -> Result<Vec<u64>, NoiseError> {
        let mut tally = vec![0_u64; self.keys.len()];
        for (key, count) in counts {
            let place = self.keys.binary_search(&key).ok().or(self.rest);
            let cell = place.and_then(|place| tally.get_mut(place));
            let cell = cell.ok_or(NoiseError::Unlisted)?;
            *cell = cell.saturating_add(count);
        }
        Ok(tally)
    }
}

/// What a granted release may still draw. Outside of tests [`Grant::noise`] alone makes it.
///
/// [`Grant::noise`]: super::budget::Grant::noise
#[derive(Debug)]
pub struct Noise<R = SysRng> {
    laplace: DiscreteLaplace,
    lists: u8,
    rng: R,
}

impl<R: TryRng> Noise<R> {
    pub(super) fn new(dp: &Dp, lists: NonZeroU8, rng: R) -> Self {
        let sensitivity = NonZeroU64::from(lists).saturating_mul(dp.bound.flows().into());
        Self {
            laplace: DiscreteLaplace::new(
                sensitivity.saturating_mul(parameters::MILLION.into()),
                dp.epsilon.millionths().into(),
            ),
            lists: lists.get(),
            rng,
        }
    }

    /// The counts of one key list with noise on each, in the order of the keys. They are given
    /// out as they are: a count below 0 is set to 0 by whoever reads it, since a sum over
    /// many cells or days would be too large if each had been raised before.
    ///
    /// # Errors
    /// A key is not on the list, all lists have been released, or the system has no randomness.
    pub fn release<'a, K: Ord>(
        &mut self,
        list: &'a KeyList<K>,
        counts: impl IntoIterator<Item = (K, u64)>,
    ) -> Result<Vec<(&'a K, i64)>, NoiseError> {
        let counts = list.tally(counts)?;
        self.lists = self.lists.checked_sub(1).ok_or(NoiseError::Overspent)?;
        let cells = list.keys.iter().zip(counts);
        cells
            .map(|(key, count)| Ok((key, self.noisy(count)?)))
            .collect()
    }

    fn noisy(&mut self, count: u64) -> Result<i64, NoiseError> {
        let noise = self.laplace.sample(&mut self.rng);
        let noise = noise.map_err(|error| NoiseError::Random(error.to_string()))?;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        Ok(count.saturating_add(noise))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::*;

    const LISTS: NonZeroU8 = NonZeroU8::new(2).unwrap();

    fn noise(dp: &str) -> Noise<Xoshiro256PlusPlus> {
        Noise::new(
            &dp.parse().unwrap(),
            LISTS,
            Xoshiro256PlusPlus::seed_from_u64(3),
        )
    }

    /// The system's randomness where it is missing.
    struct Dry;

    impl TryRng for Dry {
        type Error = io::Error;

        fn try_next_u32(&mut self) -> io::Result<u32> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn try_next_u64(&mut self) -> io::Result<u64> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn try_fill_bytes(&mut self, _: &mut [u8]) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    #[test]
    fn the_keys_of_a_release_are_those_of_the_list_whatever_was_counted() {
        let list = KeyList::with_rest(["tls", "ssh", "http"], "other");
        let mut noise = noise("epsilon=10,bound=1,period=day");
        let keys = |released: Vec<(&&'static str, i64)>| -> Vec<&'static str> {
            released.into_iter().map(|(key, _)| *key).collect()
        };
        let nothing = noise.release(&list, []).unwrap();
        let much = noise.release(&list, [("tls", 9), ("rare", 7)]).unwrap();
        assert_eq!(keys(nothing), ["http", "other", "ssh", "tls"]);
        assert_eq!(keys(much), ["http", "other", "ssh", "tls"]);
    }

    #[test]
    fn a_key_that_nobody_used_gets_noise_as_well() {
        let list = KeyList::all(0..1000);
        let mut noise = noise("epsilon=0.1,bound=1,period=day");
        let released = noise.release(&list, []).unwrap();
        let silent = released.iter().filter(|(_, count)| *count == 0).count();
        let below = released.iter().filter(|(_, count)| *count < 0).count();
        // Of noise with scale 20, one in 40 is 0 and nearly half are below.
        assert!(silent < 100, "{silent}");
        assert!((400..600).contains(&below), "{below}");
    }

    #[test]
    fn what_is_not_on_the_list_counts_with_the_rest() {
        let list = KeyList::with_rest([53_u16, 443], 0);
        let counts = [(443, 5), (8080, 2), (0, 1), (9, 4), (443, 1)];
        assert_eq!(list.tally(counts), Ok(vec![7, 0, 6]));
    }

    #[test]
    fn a_list_of_all_keys_refuses_another_and_spends_nothing() {
        let list = KeyList::all(0..24);
        let mut noise = noise("epsilon=1,bound=1,period=day");
        assert_eq!(noise.release(&list, [(24, 1)]), Err(NoiseError::Unlisted));
        assert_eq!(noise.lists, LISTS.get());
    }

    #[test]
    fn no_more_lists_are_released_than_epsilon_was_split_over() {
        let list = KeyList::all(["a"]);
        let mut noise = noise("epsilon=1,bound=1,period=day");
        assert!(noise.release(&list, []).is_ok());
        assert!(noise.release(&list, []).is_ok());
        assert_eq!(noise.release(&list, []), Err(NoiseError::Overspent));
    }

    #[test]
    fn without_randomness_nothing_is_released() {
        let dp = "epsilon=1,bound=1,period=day".parse().unwrap();
        let error = Noise::new(&dp, LISTS, Dry)
            .release(&KeyList::all(["a"]), [("a", 5)])
            .unwrap_err();
        assert!(error.to_string().starts_with("no randomness"), "{error}");
    }

    #[test]
    fn the_largest_scale_and_counts_do_not_overflow() {
        let dp = "epsilon=0.001,bound=1000000,period=month".parse().unwrap();
        let lists = NonZeroU8::MAX;
        let mut noise = Noise::new(&dp, lists, Xoshiro256PlusPlus::seed_from_u64(3));
        let list = KeyList::all(["a", "b"]);
        for _ in 0..lists.get() {
            let counts = [("a", u64::MAX), ("a", 1), ("b", 0)];
            assert!(noise.release(&list, counts).unwrap()[0].1 > i64::MAX / 2);
        }
    }
}
