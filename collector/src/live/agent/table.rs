//! The kernel's table and the pipeline, as closing needs them.

use collector_common::{
    event::SampleHeader, expiry::End, flow::Flow, key::FlowKey, schema::Counters, settings::Sweep,
    wire::Tally,
};
use tracing::{info, warn};

use super::{
    super::{kernel::Kernel, rings::LATE_RECORD, sys},
    Agent,
};
use crate::{
    closing::{Kind, Pass, Records, Seeds, Table},
    pipeline::{Pipeline, Tap},
    record::RecordId,
    sink::Outside,
};

impl<T: Tap> Agent<T> {
    /// Puts late packets where a crash can't take them, between ticks.
    ///
    /// # Errors
    /// System calls that should not fail.
    pub fn settle(&mut self, now: u64) -> anyhow::Result<()> {
        let (closer, mut table, mut records) = self.parts();
        closer.settle(&mut table, &mut records, now)
    }

    /// Empties the rings of what they hold at the moment. Cheap when they are empty.
    pub fn drain(&mut self) {
        let (closer, mut table, mut records) = self.parts();
        table.drain(&mut records, &mut closer.seeds);
    }

    /// A pass over the table.
    pub(super) fn pass(&mut self, now: u64, all: bool) -> anyhow::Result<()> {
        self.pipeline.set_clock(self.wall_clock());
        self.pipeline.advance(now);
        let pass = Pass {
            now,
            all,
            timeouts: self.options.timeouts,
        };
        let (closer, mut table, mut records) = self.parts();
        closer.pass(&mut table, &mut records, &pass)
    }

    fn parts(&mut self) -> (&mut crate::closing::Closer, KernelTable<'_>, Spooled<'_, T>) {
        let table = KernelTable {
            kernel: &mut self.kernel,
            inspects: self.drains.is_none(),
        };
        let counters = Counters {
            samples_shed: self.pipeline.samples_shed(),
            lost_in_upgrade: self.lost_in_upgrade,
            host: self.host.changes(),
            ..self.counters
        };
        let records = Spooled {
            pipeline: &mut self.pipeline,
            lost_in_crash: self.lost_in_crash,
            counters,
            disk_failing: &mut self.disk_failing,
        };
        (&mut self.closer, table, records)
    }
}

struct KernelTable<'a> {
    kernel: &'a mut Kernel,
    /// Samples are to be inspected here: no thread does, or a label must not miss any.
    inspects: bool,
}

impl KernelTable<'_> {
    fn drain_samples(&self, records: &mut impl Records) {
        for ring in &self.kernel.samples {
            let mut ring = ring.lock();
            let size = ring.size();
            ring.samples(size, |header, bytes| records.sample(header, bytes));
        }
    }

    fn drain_packets(&mut self, seeds: &mut Seeds) {
        let mut late = self.kernel.late.lock();
        late.ask();
        if seeds.has_room() {
            late.drain(|packet| seeds.add(packet, Kind::Late));
        }
        let room = seeds.room_for_overflow() * LATE_RECORD;
        let overflow = &mut self.kernel.overflow;
        overflow.packets(room.min(overflow.size()), |packet| {
            seeds.add(packet, Kind::Overflow);
        });
    }
}

impl Table for KernelTable<'_> {
    type Handle = FlowKey;

    fn drain(&mut self, records: &mut impl Records, seeds: &mut Seeds) {
        if self.inspects {
            self.drain_samples(records);
        }
        self.drain_packets(seeds);
    }

    fn sweep(&mut self, sweep: &Sweep) -> anyhow::Result<Vec<FlowKey>> {
        Ok(self.kernel.sweep(sweep)?)
    }

    fn quiesce(&mut self) -> anyhow::Result<()> {
        // What was sampled of a closing flow is in its ring by then, and its label is due.
        self.inspects = true;
        Ok(sys::grace_period()?)
    }

    fn read(&mut self, key: FlowKey) -> anyhow::Result<Option<Flow>> {
        let entry = self.kernel.flows.get(&key)?;
        Ok(entry.map(|entry| Flow { key, entry }))
    }

    fn delete(&mut self, key: FlowKey) -> anyhow::Result<()> {
        self.kernel.flows.delete(&key)?;
        Ok(())
    }

    fn plant(&mut self, seeds: &[Flow]) -> anyhow::Result<Vec<bool>> {
        self.kernel.plant(seeds)
    }

    fn holds(&mut self, key: &FlowKey, ifindex: u32) -> anyhow::Result<bool> {
        let entry = self.kernel.flows.get(key)?;
        Ok(entry.is_some_and(|entry| entry.ifindex == ifindex))
    }
}

/// The pipeline, with what is said when the disk fails.
struct Spooled<'a, T: Tap> {
    pipeline: &'a mut Pipeline<T>,
    lost_in_crash: Tally,
    /// Of the last tick.
    counters: Counters,
    disk_failing: &'a mut bool,
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

    fn commit(&mut self, now: u64, late_written: Tally) {
        let outside = Outside {
            late_written,
            lost_in_crash: self.lost_in_crash,
            counters: self.counters,
        };
        let done = self
            .pipeline
            .commit(outside)
            .and_then(|()| self.pipeline.rotate(now));
        match done {
            Err(error) if !*self.disk_failing => {
                warn!("{error}; records wait in memory, then they are counted as unwritten");
                *self.disk_failing = true;
            }
            Ok(()) if *self.disk_failing => {
                info!("the output folder takes records again");
                *self.disk_failing = false;
            }
            _ => {}
        }
    }
}
