//! Which shard a flow belongs to, and shards that go together.

use collector_common::{books::Books, key::FlowKey};

use super::{
    Form,
    meter::Seen,
    shard::{Formed, Shard},
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

    /// Records up to `step`, in order.
    pub(super) fn advance(&mut self, step: u64) -> anyhow::Result<Vec<Formed<F::Item>>> {
        self.each(|shard| shard.advance(step))
    }

    /// Ends every flow; the last records, in order.
    pub(super) fn finish(&mut self, now: u64) -> anyhow::Result<Vec<Formed<F::Item>>> {
        self.each(|shard| shard.finish(now))
    }

    fn each(
        &mut self,
        act: impl Fn(&mut Shard<F>) -> anyhow::Result<()>,
    ) -> anyhow::Result<Vec<Formed<F::Item>>> {
        let mut formed = Vec::new();
        for shard in &mut self.shards {
            act(shard)?;
            formed.append(&mut shard.take());
        }
        order(&mut formed);
        Ok(formed)
    }

    pub(super) fn sums(&self) -> ShardSums {
        let books = self.shards.iter().map(Shard::books);
        ShardSums {
            books: Books::sum(books),
            samples_shed: self.shards.iter().map(Shard::samples_shed).sum(),
        }
    }
}

/// By time, then by the flow's first packet.
pub(super) fn order<I>(formed: &mut [Formed<I>]) {
    formed.sort_unstable_by_key(|formed| (formed.step, formed.id.flow, formed.id.part));
}

impl ShardSums {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            books: Books::sum([&self.books, &other.books]),
            samples_shed: self.samples_shed + other.samples_shed,
        }
    }
}
