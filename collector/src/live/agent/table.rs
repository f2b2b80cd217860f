//! The kernel's table and the pipeline, as closing needs them.

use std::time::Instant;

use collector_common::{
    event::SampleHeader, expiry::End, flow::Flow, key::FlowKey, schema::Counters, settings::Sweep,
    wire::Tally,
};

use super::{
    super::{kernel::Kernel, rings, sys},
    Agent, wall_clock,
    watch::DiskWatch,
};
use crate::{
    closing::{Pass, Records, Seeds, Table},
    pipeline::{Pipeline, Tap},
    record::RecordId,
    sink::{Outside, trouble::Undone},
};

impl<T: Tap> Agent<T> {
    /// Puts late packets where a crash can't take them, between ticks.
    ///
    /// # Errors
    /// System calls that should not fail.
    pub fn settle(&mut self) -> anyhow::Result<()> {
        let (closer, mut table, mut records) = self.parts();
        closer.settle(&mut table, &mut records)
    }

    /// Empties the rings of what they hold at the moment. Cheap when they are empty.
    pub fn drain(&mut self) {
        let (closer, mut table, mut records) = self.parts();
        table.drain(&mut records, &mut closer.seeds);
    }

    /// A pass over the table.
    pub(super) fn pass(&mut self, now: u64, all: bool) -> anyhow::Result<()> {
        let started = Instant::now();
        self.pipeline.set_clock(wall_clock());
        let pass = Pass {
            now,
            all,
            timeouts: self.options.timeouts,
        };
        let (closer, mut table, mut records) = self.parts();
        let closed = closer.pass(&mut table, &mut records, &pass)?;
        self.sweeps.count(started.elapsed(), closed);
        Ok(())
    }

    fn parts(&mut self) -> (&mut crate::closing::Closer, KernelTable<'_>, Spooled<'_, T>) {
        let table = KernelTable {
            kernel: &mut self.kernel,
            rings: [self.options.sample_ring, self.options.late_ring],
        };
        let counters = Counters {
            samples_shed: self.pipeline.samples_shed(),
            ..self.counters
        };
        let records = Spooled {
            pipeline: &mut self.pipeline,
            lost_in_crash: self.lost_in_crash,
            counters,
            disk: &mut self.disk,
        };
        (&mut self.closer, table, records)
    }
}

struct KernelTable<'a> {
    kernel: &'a mut Kernel,
    /// Bytes of the rings of samples and of late packets.
    rings: [u32; 2],
}

impl Table for KernelTable<'_> {
    type Handle = FlowKey;

    fn drain(&mut self, records: &mut impl Records, seeds: &mut Seeds) {
        rings::drain_samples(&mut self.kernel.samples, self.rings[0], |header, bytes| {
            records.sample(header, bytes);
        });
        if seeds.has_room() {
            rings::drain_late(&mut self.kernel.late, self.rings[1], |late| seeds.add(late));
        }
    }

    fn sweep(&mut self, sweep: &Sweep, due: &mut Vec<FlowKey>) -> anyhow::Result<bool> {
        Ok(self.kernel.sweep(sweep, due)?)
    }

    fn quiesce(&mut self) -> anyhow::Result<()> {
        Ok(sys::grace_period()?)
    }

    fn read(&mut self, key: FlowKey) -> anyhow::Result<Option<Flow>> {
        let entry = self.kernel.flows.get(&key)?;
        Ok(entry.map(|entry| Flow { key, entry }))
    }

    fn delete(&mut self, keys: &[FlowKey]) -> anyhow::Result<()> {
        Ok(self.kernel.flows.delete_all(keys)?)
    }

    fn plant(&mut self, seeds: &[Flow]) -> anyhow::Result<Vec<bool>> {
        self.kernel.plant(seeds)
    }

    fn holds(&mut self, key: &FlowKey, ifindex: u32) -> anyhow::Result<bool> {
        let entry = self.kernel.flows.get(key)?;
        Ok(entry.is_some_and(|entry| entry.ifindex == ifindex))
    }
}

/// The pipeline, and who says when the disk fails.
struct Spooled<'a, T: Tap> {
    pipeline: &'a mut Pipeline<T>,
    lost_in_crash: Tally,
    /// Of the last tick.
    counters: Counters,
    disk: &'a mut DiskWatch,
}

impl<T: Tap> Records for Spooled<'_, T> {
    fn sample(&mut self, header: &SampleHeader, bytes: &[u8]) {
        self.pipeline.sample(header, bytes);
    }

    fn already_written(&self, id: &RecordId) -> bool {
        self.pipeline.already_written(id)
    }

    fn flow_ended(&mut self, flow: &Flow, counts: [Tally; 2], end: End) {
        self.pipeline.flow_ended(flow, counts, end);
    }

    fn commit(&mut self, late_written: Tally) {
        let outside = Outside {
            late_written,
            lost_in_crash: self.lost_in_crash,
            counters: self.counters,
        };
        let done = self.pipeline.commit(outside);
        self.disk.note(Undone::Written, done);
    }

    fn pass_over(&mut self, now: u64) {
        let done = self.pipeline.pass_over(now);
        self.disk.note(Undone::Begun, done);
    }
}
