//! The shards, on this thread or on others.

use super::{
    Form,
    meter::Seen,
    shard::Shard,
    shards::{ShardSums, Shards, Write},
    workers::Workers,
};

/// All shards.
pub(super) enum Engine<F: Form> {
    /// On the thread that reads.
    Here(Box<Shards<F>>),
    /// On workers.
    There(Workers<F>),
}

impl<F: Form + 'static> Engine<F> {
    /// `workers` threads, or none for one.
    pub(super) fn start(shards: Vec<Shard<F>>, workers: usize) -> anyhow::Result<Self> {
        let workers = workers.clamp(1, shards.len().max(1));
        if workers == 1 {
            return Ok(Self::Here(Box::new(Shards::new(shards, 1))));
        }
        let mut shares: Vec<Vec<Shard<F>>> = (0..workers).map(|_| Vec::new()).collect();
        for (index, shard) in shards.into_iter().enumerate() {
            shares[index % workers].push(shard);
        }
        let shares = shares.into_iter().map(|share| Shards::new(share, workers));
        Ok(Self::There(Workers::start(shares.collect())?))
    }

    pub(super) fn meter(&mut self, shard: usize, seen: &Seen<'_>) -> anyhow::Result<()> {
        match self {
            Self::Here(shards) => shards.meter(shard, seen),
            Self::There(workers) => workers.meter(shard, seen),
        }
    }

    /// Hands records up to `step` to `write`; those on workers may come with a later call.
    pub(super) fn advance(&mut self, step: u64, write: impl Write<F>) -> anyhow::Result<()> {
        match self {
            Self::Here(shards) => shards.advance(step, write),
            Self::There(workers) => workers.advance(step, write),
        }
    }

    /// Ends every flow and hands all records that are left to `write`.
    pub(super) fn finish(self, now: u64, write: impl Write<F>) -> anyhow::Result<ShardSums> {
        match self {
            Self::Here(mut shards) => {
                shards.finish(now, write)?;
                Ok(shards.sums())
            }
            Self::There(workers) => workers.finish(now, write),
        }
    }
}
