//! A share of the flows, from packet to formed record.

use collector_common::{
    event::SampleHeader,
    expiry::End,
    flow::{Flow, Observation, Owned, state},
    key::FlowKey,
    settings::{SECOND, Sweep, Timeouts},
    wire::Tally,
};

use super::{
    Form,
    meter::{Meter, Rings, Seen},
    nfstream::Arrival,
    table::{FlowTable, Handle},
};
use crate::{
    closing::{Closer, Pass, Records, Seeds, Table},
    inspect::Label,
    pipeline::Recorder,
    record::RecordId,
};

/// A record in the form in which it leaves, with what counts it.
#[derive(Debug)]
pub struct Formed<I> {
    /// What it counts, both directions.
    pub tally: Tally,
    /// When its flow was closed, nanoseconds since the Unix epoch.
    pub at: u64,
    /// What the flow is.
    pub label: Label,
    /// The record.
    pub item: I,
}

/// Half a second: between a tick and the moment when late packets settle.
pub(super) const STEP: u64 = SECOND / 2;

/// Flows of one part of the keys. The same packets give the same records, whatever the other
/// shards do.
pub(super) struct Shard<F: Form> {
    meter: Meter,
    closer: Closer,
    out: Forming<F>,
    /// Half seconds of the clock: done so far.
    step: u64,
    timeouts: Timeouts,
    arrival: Option<Arrival>,
}

/// What a shard is made of.
pub(super) struct ShardConfig<F> {
    pub(super) meter: Meter,
    /// Late flows that wait at a time.
    pub(super) seeds: usize,
    /// Ids of flows that late packets make come after this one.
    pub(super) late_id: u64,
    pub(super) recorder: Recorder,
    pub(super) form: F,
    pub(super) timeouts: Timeouts,
    /// Flows are cut when a packet arrives, too.
    pub(super) arrival: Option<Arrival>,
    /// Nanoseconds.
    pub(super) now: u64,
}

impl<F: Form> Shard<F> {
    pub(super) fn new(config: ShardConfig<F>) -> Self {
        Self {
            meter: config.meter,
            closer: Closer::new(
                Seeds::with_capacity(config.seeds),
                config.late_id,
                config.now,
            ),
            out: Forming {
                recorder: config.recorder,
                form: config.form,
                now: config.now,
                formed: Vec::new(),
            },
            step: config.now / STEP,
            timeouts: config.timeouts,
            arrival: config.arrival,
        }
    }

    /// The flow table.
    pub(super) fn table(&self) -> &FlowTable {
        &self.meter.table
    }

    /// Takes a packet.
    pub(super) fn meter(&mut self, packet: &Seen<'_>) -> anyhow::Result<()> {
        if !self.closer.seeds.has_room() {
            // Live, packets wait in their ring until these have gone.
            self.settle(packet.observation.now)?;
        }
        if let Some(arrival) = self.arrival {
            self.out.now = packet.observation.now;
            arrival.end_before(&mut self.meter, packet, &mut self.out);
        }
        let mut rings = LateAndSamples {
            seeds: &mut self.closer.seeds,
            out: &mut self.out,
        };
        self.meter.meter(packet, &mut rings);
        Ok(())
    }

    /// Does what is due up to `step`, in half seconds: ticks on even ones, late packets settle on
    /// odd ones.
    pub(super) fn advance(&mut self, step: u64) -> anyhow::Result<()> {
        while let Some(next) = self.next_step().filter(|next| *next <= step) {
            self.step = next;
            let now = next * STEP;
            if next % 2 == 0 {
                self.pass(now, false)?;
                self.out.recorder.forget(now);
            } else {
                self.settle(now)?;
            }
        }
        self.step = step;
        self.meter.table.follow(step * STEP);
        // Live, every tick tells the time, also when nothing is due.
        self.out.recorder.forget(step / 2 * SECOND);
        Ok(())
    }

    /// The next step at which anything is to be done.
    fn next_step(&self) -> Option<u64> {
        let sweep = self.meter.table.next_sweep().map(|second| second * 2);
        let settle = (!self.closer.seeds.is_empty()).then_some(self.step + 1);
        match (sweep, settle) {
            (Some(sweep), Some(settle)) => Some(sweep.min(settle)),
            (either, None) | (None, either) => either,
        }
    }

    /// Ends every flow.
    pub(super) fn finish(&mut self, now: u64) -> anyhow::Result<()> {
        self.pass(now, false)?;
        // A seed that goes back in on one round leaves on the next.
        while !(self.meter.table.is_empty() && self.closer.seeds.is_empty()) {
            self.pass(now, true)?;
        }
        Ok(())
    }

    /// Records since the last call, in an order that depends on this shard's packets alone.
    pub(super) fn take(&mut self) -> Vec<Formed<F::Item>> {
        std::mem::take(&mut self.out.formed)
    }

    /// Counters.
    pub(super) fn books(&self) -> &collector_common::books::Books {
        &self.meter.books
    }

    /// Samples that nobody looked at.
    pub(super) fn samples_shed(&self) -> u64 {
        self.out.recorder.samples_shed()
    }

    fn pass(&mut self, now: u64, all: bool) -> anyhow::Result<()> {
        self.out.now = now;
        let pass = Pass {
            now,
            all,
            timeouts: self.timeouts,
        };
        let mut table = MemoryTable(&mut self.meter);
        self.closer.pass(&mut table, &mut self.out, &pass)
    }

    fn settle(&mut self, now: u64) -> anyhow::Result<()> {
        self.out.now = now;
        let mut table = MemoryTable(&mut self.meter);
        self.closer.settle(&mut table, &mut self.out, now)
    }
}

/// Forms records as flows end.
pub(super) struct Forming<F: Form> {
    recorder: Recorder,
    form: F,
    /// Of the pass or packet, nanoseconds.
    now: u64,
    formed: Vec<Formed<F::Item>>,
}

impl<F: Form> Records for Forming<F> {
    fn sample(&mut self, header: &SampleHeader, bytes: &[u8]) {
        self.recorder.sample(header, bytes);
    }

    fn already_written(&self, _: &RecordId) -> bool {
        false
    }

    fn flow_ended(&mut self, flow: &Flow, counts: [Tally; 2], end: End) {
        let record = self.recorder.record(flow, counts, end);
        self.formed.push(Formed {
            at: self.now,
            label: record.inspection.label,
            tally: counts[0].plus(counts[1]),
            item: self.form.form(&mut self.recorder, record),
        });
    }

    fn commit(&mut self, _: u64, _: Tally) {}
}

/// What the kernel's rings lead to.
struct LateAndSamples<'a, F: Form> {
    seeds: &'a mut Seeds,
    out: &'a mut Forming<F>,
}

impl<F: Form> Rings for LateAndSamples<'_, F> {
    fn sample(&mut self, header: &SampleHeader, bytes: &[u8]) -> bool {
        self.out.recorder.sample(header, bytes)
    }

    fn late(&mut self, key: &FlowKey, observation: &Observation) {
        self.seeds
            .add_seen(key, observation, collector_common::flow::NO_USER);
    }
}

/// The table as closing needs it. Nobody adds to it meanwhile.
struct MemoryTable<'a>(&'a mut Meter);

impl Table for MemoryTable<'_> {
    type Handle = Handle;

    fn drain(&mut self, _: &mut impl Records, _: &mut Seeds) {}

    fn sweep(&mut self, sweep: &Sweep) -> anyhow::Result<Vec<Handle>> {
        Ok(self.0.table.sweep(sweep))
    }

    fn quiesce(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    fn read(&mut self, handle: Handle) -> anyhow::Result<Option<Flow>> {
        Ok(Some(*self.0.table.flow(handle)))
    }

    fn delete(&mut self, handle: Handle) -> anyhow::Result<()> {
        self.0.table.delete(handle);
        Ok(())
    }

    fn plant(&mut self, seeds: &[Flow]) -> anyhow::Result<Vec<bool>> {
        Ok(seeds.iter().map(|seed| plant(self.0, seed)).collect())
    }

    fn holds(&mut self, key: &FlowKey, _: u32) -> anyhow::Result<bool> {
        Ok(self.0.table.find(key).is_some())
    }
}

/// What `seed_flows` of the kernel's side does.
fn plant(meter: &mut Meter, seed: &Flow) -> bool {
    let planted = match meter.table.find(&seed.key) {
        Some(flow) => {
            let entry = meter.table.entry(flow);
            let open = entry.state & state::CLOSING == 0;
            if open {
                entry.absorb::<Owned>(&seed.entry);
                meter.table.schedule(flow);
            }
            open
        }
        None => meter.table.insert(&seed.key, seed.entry).is_some(),
    };
    if planted {
        meter.books.settled = meter.books.settled.plus(seed.entry.total());
    }
    planted
}
