//! Chance that can be repeated.

use fastrand::Rng;

/// A seeded source of chance.
pub(super) struct Dice(Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// 0 to `end` - 1; `end` is at least 1.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    /// True in `percent` of 100 throws.
    pub(super) fn percent(&mut self, percent: u8) -> bool {
        self.0.u8(..100) < percent
    }

    /// One of them; there is at least one.
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(super) fn u32(&mut self) -> u32 {
        self.0.u32(..)
    }

    pub(super) fn shuffle<T>(&mut self, all: &mut [T]) {
        self.0.shuffle(all);
    }

    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }

    pub(super) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.fill(&mut bytes);
        bytes
    }

    /// A heavy tail: Lomax (Pareto of the second kind) of shape 4/3, where few flows carry most
    /// bytes, as traffic studies find. Square roots alone, so that every machine gets the same.
    pub(super) fn heavy_tail(&mut self, mean: f64) -> f64 {
        let left = 1.0 - self.0.f64(); // not 0
        let root = left.sqrt();
        mean / 3.0 * (1.0 / (root * root.sqrt()) - 1.0)
    }
}
