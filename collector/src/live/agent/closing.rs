//! A pass over the table, and what late packets become.

use std::collections::HashSet;

use anyhow::Context;
use collector_common::{
    expiry::{self, End},
    flow::{Flow, Owned, state},
    key::FlowKey,
    settings::Sweep,
};
use tracing::{info, warn};

use super::{
    super::{seeds, sys},
    Agent, wall_clock,
};
use crate::{pipeline::Tap, record::RecordId, sink::Outside};

impl<T: Tap> Agent<T> {
    /// Puts late packets where a crash can't take them, between ticks: so they wait for half a
    /// second at most. Those whose flow is about to close wait for the tick.
    ///
    /// # Errors
    /// System calls that should not fail.
    pub fn settle(&mut self, now: u64) -> anyhow::Result<()> {
        self.drain();
        if self.seeds.is_empty() {
            return Ok(());
        }
        self.put_back(&HashSet::new())?;
        self.commit(now);
        Ok(())
    }

    /// A pass over the table. The order makes it exact: mark, wait until nobody adds any more,
    /// read, write, sync, delete; only then do packets of these keys open new entries.
    pub(super) fn pass(&mut self, now: u64, all: bool) -> anyhow::Result<()> {
        self.drain();
        let parameters = Sweep {
            now,
            pass: now,
            committed: self.committed,
            all: all.into(),
            timeouts: self.options.timeouts,
        };
        let due = self
            .kernel
            .sweep(&parameters)
            .context("sweeping the flow table")?;
        if !due.is_empty() {
            sys::grace_period().context("waiting for running programs")?;
            self.drain();
        }
        self.pipeline.set_clock(wall_clock());
        let closing = self.write_due(&due, all)?;
        let next = self.put_back(&closing)?;
        self.commit(now);
        for key in &closing {
            self.kernel
                .flows
                .delete(key)
                .context("deleting a closed flow")?;
        }
        self.committed = now;
        self.plant_or_write(&next)?;
        self.commit(now);
        Ok(())
    }

    /// Writes a record for each due key and returns those that are to be deleted.
    fn write_due(&mut self, due: &[FlowKey], all: bool) -> anyhow::Result<HashSet<FlowKey>> {
        let mut closing = HashSet::with_capacity(due.len());
        for key in due {
            let entry = self
                .kernel
                .flows
                .get(key)
                .context("reading a closing flow")?;
            let Some(entry) = entry else { continue };
            let mut flow = Flow { key: *key, entry };
            // It may be closing already, by a packet: what came behind the snapshot is for the
            // next pass, which commits the cut first.
            if entry.state & state::CUT != 0 {
                self.write(&flow, End::Active);
            }
            if !entry.is_closing() {
                continue;
            }
            closing.insert(*key);
            let natural = expiry::natural_end(&entry);
            let end = if all && !expiry::has_ended(&entry) {
                End::Shutdown
            } else {
                natural
            };
            // A crash came between its record and its deletion: stragglers make a record of
            // their own.
            if self.pipeline.already_written(&record_id(&flow)) {
                continue;
            }
            if let Some(rest) = self.seeds.take_rest_of(&flow) {
                flow.entry.absorb::<Owned>(&rest);
                self.late_written = self.late_written.plus(seeds::total(&rest));
            }
            self.write(&flow, end);
        }
        Ok(closing)
    }

    fn write(&mut self, flow: &Flow, end: End) {
        let counts = flow.entry.counts();
        // A part without packets is no record; one in the spool already is not written again.
        let known = self.pipeline.already_written(&record_id(flow));
        if counts[0].plus(counts[1]).packets > 0 && !known {
            self.pipeline.flow_ended(flow, counts, end);
        }
    }

    /// Late packets go back into the table, or are written as they are where it is full. Those
    /// whose key is being closed wait until it is gone: they are returned.
    fn put_back(&mut self, closing: &HashSet<FlowKey>) -> anyhow::Result<Vec<Flow>> {
        let (mut open, finished) = self.seeds.take();
        for flow in finished {
            self.write_late(&flow, expiry::natural_end(&flow.entry));
        }
        for flow in &mut open {
            flow.entry.id = self.next_late_id();
        }
        let (next, open): (Vec<_>, Vec<_>) = open
            .into_iter()
            .partition(|flow| closing.contains(&flow.key));
        self.plant_or_write(&open)?;
        Ok(next)
    }

    /// Seeds go into the table, or are written where there is no room. A flow that began to
    /// close, or was made by a packet, at the same moment takes its seed at the next tick.
    fn plant_or_write(&mut self, seeds: &[Flow]) -> anyhow::Result<()> {
        let planted = self
            .kernel
            .plant(seeds)
            .context("putting late packets back")?;
        let refused = seeds.iter().zip(planted).filter(|(_, planted)| !planted);
        for (flow, _) in refused {
            let entry = self.kernel.flows.get(&flow.key)?;
            if entry.is_some_and(|entry| entry.ifindex == flow.entry.ifindex) {
                self.seeds.keep(flow);
            } else {
                self.write_late(flow, End::Overflow);
            }
        }
        Ok(())
    }

    /// The id of a flow that late packets make; drawn here, since a program that the agent runs
    /// must not share a counter with those that packets run.
    fn next_late_id(&mut self) -> u64 {
        self.late_id += 1;
        self.late_id
    }

    fn write_late(&mut self, flow: &Flow, end: End) {
        let mut flow = *flow;
        flow.entry.id = self.next_late_id();
        self.late_written = self.late_written.plus(seeds::total(&flow.entry));
        self.pipeline.flow_ended(&flow, flow.entry.counts(), end);
    }

    fn commit(&mut self, now: u64) {
        let outside = Outside {
            late_written: self.late_written,
            lost_in_crash: self.lost_in_crash,
        };
        let done = self
            .pipeline
            .commit(outside)
            .and_then(|()| self.pipeline.rotate(now));
        match done {
            Err(error) if !self.disk_failing => {
                warn!("{error}; records wait in memory, then they are counted as unwritten");
                self.disk_failing = true;
            }
            Ok(()) if self.disk_failing => {
                info!("the output folder takes records again");
                self.disk_failing = false;
            }
            _ => {}
        }
    }
}

fn record_id(flow: &Flow) -> RecordId {
    RecordId {
        flow: flow.entry.id,
        part: flow.entry.part,
    }
}
