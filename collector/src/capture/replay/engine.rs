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

    /// Hands records up to `step` to `write`, or, from workers, those up to an earlier step; gives
    /// the step up to which none is missing now, where it is a new one.
    pub(super) fn advance(
        &mut self,
        step: u64,
        write: impl Write<F>,
    ) -> anyhow::Result<Option<u64>> {
        match self {
            Self::Here(shards) => shards.advance(step, write).map(|()| Some(step)),
            Self::There(workers) => workers.advance(step, write),
        }
    }

    /// The same for a step that was asked for before; `None` where none waits.
    pub(super) fn settle(&mut self, write: impl Write<F>) -> anyhow::Result<Option<u64>> {
        match self {
            Self::Here(_) => Ok(None),
            Self::There(workers) => workers.settle(write),
        }
    }

    /// Ends every flow and hands its record to `write`, when all steps are settled.
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
