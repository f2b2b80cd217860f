//! Which shard a flow belongs to, and shards that go together.

use collector_common::{books::Books, key::FlowKey};

use super::{
    Form,
    meter::Seen,
    shard::{Formed, Shard},
    table::Handle,
};

/// So many there are, whatever the number of workers: a shard's records depend on nothing else.
pub(super) const SHARDS: usize = 16;

/// The shard of a key; the same in every run.
pub(super) fn shard_of(key: &FlowKey) -> usize {
    // Odd, with bits set all over (2^64 divided by the golden ratio).
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let words: [u64; 5] = zerocopy::transmute!(*key);
    let mixed = words.iter().fold(0_u64, |mixed, word| {
        (mixed ^ word).wrapping_mul(MIX).rotate_left(29)
    });
    // The upper bits depend on all of the lower ones.
    (mixed.wrapping_mul(MIX) >> 60) as usize % SHARDS
}

/// Takes the records of one shard.
pub(super) trait Write<F: Form>: FnMut(Vec<Formed<F::Item>>) -> anyhow::Result<()> {}

impl<F: Form, W: FnMut(Vec<Formed<F::Item>>) -> anyhow::Result<()>> Write<F> for W {}

/// What shards counted together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ShardSums {
    pub(super) books: Books,
    pub(super) samples_shed: u64,
}

/// Every `step`th shard from one on.
pub(super) struct Shards<F: Form> {
    shards: Vec<Shard<F>>,
    stride: usize,
}

impl<F: Form> Shards<F> {
    pub(super) fn new(shards: Vec<Shard<F>>, stride: usize) -> Self {
        Self { shards, stride }
    }

    pub(super) fn meter(&mut self, shard: usize, packet: &Seen<'_>) -> anyhow::Result<()> {
        match self.shards.get_mut(shard / self.stride) {
            Some(shard) => shard.meter(packet),
            None => Ok(()),
        }
    }

    /// Where the flow of this key may be.
    pub(super) fn guess(&self, shard: usize, key: &FlowKey) -> Option<Handle> {
        self.shards.get(shard / self.stride)?.table().guess(key)
    }

    /// Has the flows that were guessed at hand: memory answers many at a time as fast as one.
    pub(super) fn fetch(&self, guesses: impl Iterator<Item = (usize, Option<Handle>)>) {
        let fetched = guesses.filter_map(|(shard, guess)| {
            let shard = self.shards.get(shard / self.stride)?;
            Some(shard.table().flow(guess?).entry.last)
        });
        // Nothing is done with it, which the compiler must not know.
        std::hint::black_box(fetched.fold(0_u64, u64::wrapping_add));
    }

    /// Hands records up to `step` to `write`, shard by shard.
    pub(super) fn advance(&mut self, step: u64, write: impl Write<F>) -> anyhow::Result<()> {
        self.each(|shard| shard.advance(step), write)
    }

    /// Ends every flow and hands the last records to `write`, shard by shard.
    pub(super) fn finish(&mut self, now: u64, write: impl Write<F>) -> anyhow::Result<()> {
        self.each(|shard| shard.finish(now), write)
    }

    fn each(
        &mut self,
        act: impl Fn(&mut Shard<F>) -> anyhow::Result<()>,
        mut write: impl Write<F>,
    ) -> anyhow::Result<()> {
        for shard in &mut self.shards {
            act(shard)?;
            write(shard.take())?;
        }
        Ok(())
    }

    pub(super) fn sums(&self) -> ShardSums {
        let books = self.shards.iter().map(Shard::books);
        ShardSums {
            books: Books::sum(books),
            samples_shed: self.shards.iter().map(Shard::samples_shed).sum(),
        }
    }
}

impl ShardSums {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            books: Books::sum([&self.books, &other.books]),
            samples_shed: self.samples_shed + other.samples_shed,
        }
    }
}
