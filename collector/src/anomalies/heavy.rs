//! The keys that come most often, in fixed memory: SpaceSaving (Metwally, Agrawal, El Abbadi:
//! Efficient Computation of Frequent and Top-k Elements in Data Streams, 2005), in sets of eight.

/// Keys of a set: they fill a cache line.
const WAYS: usize = 8;

/// Keys with what is known of each.
///
/// A key's hash names its set, and within a set the least frequent key makes room for a new one,
/// which inherits its count: so a key that came more often than an eighth of all that fell to its set
/// is there. What is known of a key is from when it came in: a lower bound, short by no more than
/// that eighth.
pub(super) struct Heavy<V> {
    sets: Box<[Set<V>]>,
}

#[derive(Clone)]
struct Set<V> {
    /// 0: nobody.
    keys: [u64; WAYS],
    /// How often each came, with what it inherited.
    counts: [u32; WAYS],
    values: [V; WAYS],
}

impl<V: Copy + Default> Set<V> {
    const fn is_at(key: u64) -> impl Fn(&u64) -> bool {
        move |known| *known == key
    }

    fn empty() -> Self {
        Self {
            keys: [0; WAYS],
            counts: [0; WAYS],
            values: [V::default(); WAYS],
        }
    }

    /// The way of `key`, or of the one that makes room for it.
    fn way(&mut self, key: u64) -> usize {
        if let Some(way) = self.keys.iter().position(Self::is_at(key)) {
            return way;
        }
        let counts = self.counts.iter().enumerate();
        let least = counts.min_by_key(|(_, count)| **count);
        let way = least.map_or(0, |(way, _)| way);
        self.keys[way] = key;
        self.values[way] = V::default();
        way
    }
}

impl<V: Copy + Default> Heavy<V> {
    /// Room for eight times as many keys as there are `sets`, a power of two.
    pub(super) fn new(sets: usize) -> Self {
        debug_assert!(sets.is_power_of_two());
        Self {
            sets: vec![Set::empty(); sets].into(),
        }
    }

    /// Bytes that so many sets take.
    #[cfg(test)]
    pub(super) const fn size(sets: usize) -> usize {
        sets * size_of::<Set<V>>()
    }

    /// Counts a key by its hash; gives what is known of it.
    pub(super) fn count(&mut self, key: u64) -> &mut V {
        let set = self.set(key);
        let way = set.way(named(key));
        set.counts[way] = set.counts[way].saturating_add(1);
        &mut set.values[way]
    }

    /// What is known of a key that is there.
    pub(super) fn get(&mut self, key: u64) -> Option<&mut V> {
        let set = self.set(key);
        let way = set.keys.iter().position(Set::<V>::is_at(named(key)))?;
        Some(&mut set.values[way])
    }

    /// Keys that are there.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        let ways = self
            .sets
            .iter()
            .flat_map(|set| set.keys.iter().zip(&set.values));
        ways.filter(|(key, _)| **key != 0)
            .map(|(key, value)| (*key, value))
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.sets.fill(Set::empty());
    }

    fn set(&mut self, key: u64) -> &mut Set<V> {
        // Of a hash each part is as good as chance; the lower half names the set.
        let index = key as usize & (self.sets.len() - 1);
        &mut self.sets[index]
    }
}

/// Nobody's name is nobody's hash.
fn named(key: u64) -> u64 {
    key.max(1)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        hash::{BuildHasher, RandomState},
    };

    use proptest::prelude::*;

    use super::*;

    const SETS: usize = 16;

    proptest! {
        /// Against exact counters: no count is too high, each is short by no more than an eighth of
        /// what fell to its set, and who has more than that is there.
        #[test]
        fn counts_are_lower_bounds_within_the_stated_error(
            keys in prop::collection::vec((0_u32..300, 1_u32..40), 1..400),
        ) {
            let hasher = RandomState::new();
            let mut heavy = Heavy::<u64>::new(SETS);
            let (mut exact, mut of_set) = (HashMap::new(), HashMap::new());
            for (key, times) in keys {
                let hash = hasher.hash_one(key);
                for _ in 0..times {
                    *heavy.count(hash) += 1;
                    *exact.entry(named(hash)).or_insert(0) += 1;
                    *of_set.entry(hash as usize % SETS).or_insert(0) += 1;
                }
            }
            let found: HashMap<u64, u64> = heavy.iter().map(|(key, count)| (key, *count)).collect();
            for (key, count) in exact {
                let error = of_set[&(key as usize % SETS)] / WAYS as u64;
                let told = found.get(&key).copied().unwrap_or_default();
                prop_assert!(told <= count && count <= told + error, "{told} of {count}, {error}");
            }
        }
    }

    #[test]
    fn a_flood_of_distinct_keys_takes_no_memory_and_leaves_a_frequent_one_in_place() {
        let mut heavy = Heavy::<u64>::new(1);
        for number in 1..100_000 {
            *heavy.count(number) += 1;
            if number % 4 == 0 {
                *heavy.count(u64::MAX) += 1;
            }
        }
        assert_eq!(heavy.iter().count(), WAYS);
        assert!(*heavy.get(u64::MAX).unwrap() > 12_000);
        heavy.clear();
        assert_eq!(heavy.iter().count(), 0);
        assert!(heavy.get(u64::MAX).is_none());
    }
}
