//! Closing flows exactly: a pass over the flow table, and what late packets become.
//!
//! The live meter and replay close by this one rule; a [`Table`] is what differs.

mod seeds;

use std::collections::HashSet;

use anyhow::Context;
use collector_common::{
    event::SampleHeader,
    expiry::{self, End},
    flow::{Flow, Owned, state},
    key::FlowKey,
    settings::{Sweep, Timeouts},
    wire::Tally,
};

pub(crate) use seeds::Kind;
pub use seeds::Seeds;

use crate::record::RecordId;

/// Where flows are counted: the kernel's table, or one in memory.
pub trait Table {
    /// Finds a flow that a sweep named.
    type Handle: Copy;

    /// Hands over what waits: samples to `records`, late packets to `seeds`.
    fn drain(&mut self, records: &mut impl Records, seeds: &mut Seeds);

    /// Marks what is due; gives the flows to be read.
    ///
    /// # Errors
    /// Those of system calls.
    fn sweep(&mut self, sweep: &Sweep) -> anyhow::Result<Vec<Self::Handle>>;

    /// Waits until nobody adds to a marked flow any more.
    ///
    /// # Errors
    /// Those of system calls.
    fn quiesce(&mut self) -> anyhow::Result<()>;

    /// The flow as it is now; `None` where it is gone.
    ///
    /// # Errors
    /// Those of system calls.
    fn read(&mut self, handle: Self::Handle) -> anyhow::Result<Option<Flow>>;

    /// Takes a flow out whose record is written.
    ///
    /// # Errors
    /// Those of system calls.
    fn delete(&mut self, handle: Self::Handle) -> anyhow::Result<()>;

    /// Puts seeds in, or adds them to the flow of their key; true for each that is in.
    ///
    /// # Errors
    /// Those of system calls.
    fn plant(&mut self, seeds: &[Flow]) -> anyhow::Result<Vec<bool>>;

    /// Whether the key has a flow on this interface.
    ///
    /// # Errors
    /// Those of system calls.
    fn holds(&mut self, key: &FlowKey, ifindex: u32) -> anyhow::Result<bool>;
}

/// Where records go.
pub trait Records {
    /// Takes a payload sample; `bytes` may be longer than what was taken.
    fn sample(&mut self, header: &SampleHeader, bytes: &[u8]);

    /// Whether the record was written before a crash.
    fn already_written(&self, id: &RecordId) -> bool;

    /// Writes the record of `flow` that is due; `counts` is what it adds, opener first.
    fn flow_ended(&mut self, flow: &Flow, counts: [Tally; 2], end: End);

    /// Makes what was written last; `late_written`: of late packets, what is in records so far.
    fn commit(&mut self, now: u64, late_written: Tally);
}

/// One pass: its time, nanoseconds since boot, and what is due.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Now.
    pub now: u64,
    /// Every flow is due.
    pub all: bool,
    /// When flows are due.
    pub timeouts: Timeouts,
}

/// What closing keeps between passes.
pub struct Closer {
    /// Late packets that wait.
    pub(crate) seeds: Seeds,
    /// Of late packets, what is in records.
    pub(crate) late_written: Tally,
    /// Of the last flow that late packets made.
    late_id: u64,
    /// The last pass whose cuts are written.
    committed: u64,
}

impl Closer {
    /// Ids of flows that late packets make count from above `late_id`. The cuts of passes up to
    /// `committed` are written.
    #[must_use]
    pub fn new(seeds: Seeds, late_id: u64, committed: u64) -> Self {
        Self {
            seeds,
            late_written: Tally::default(),
            late_id,
            committed,
        }
    }

    /// Puts late packets where a crash can't take them, between passes: so they wait for half a
    /// second at most. Those whose flow is about to close wait for the pass.
    ///
    /// # Errors
    /// System calls that should not fail.
    pub fn settle(
        &mut self,
        table: &mut impl Table,
        records: &mut impl Records,
        now: u64,
    ) -> anyhow::Result<()> {
        table.drain(records, &mut self.seeds);
        if self.seeds.is_empty() {
            return Ok(());
        }
        self.put_back(table, records, &[])?;
        records.commit(now, self.late_written);
        Ok(())
    }

    /// A pass over the table. The order makes it exact: mark, wait until nobody adds any more,
    /// read, write, sync, delete; only then do packets of these keys open new entries.
    ///
    /// # Errors
    /// System calls that should not fail.
    pub fn pass<T: Table>(
        &mut self,
        table: &mut T,
        records: &mut impl Records,
        pass: &Pass,
    ) -> anyhow::Result<()> {
        let now = pass.now;
        table.drain(records, &mut self.seeds);
        let parameters = Sweep {
            now,
            pass: now,
            committed: self.committed,
            all: pass.all.into(),
            timeouts: pass.timeouts,
        };
        let due = table
            .sweep(&parameters)
            .context("sweeping the flow table")?;
        if !due.is_empty() {
            table.quiesce().context("waiting for running programs")?;
            table.drain(records, &mut self.seeds);
        }
        let closing = self.write_due(table, records, &due, pass.all)?;
        let next = self.put_back(table, records, &closing)?;
        records.commit(now, self.late_written);
        for (handle, _) in closing {
            table.delete(handle).context("deleting a closed flow")?;
        }
        self.committed = now;
        if !next.is_empty() {
            self.plant_or_write(table, records, &next)?;
            records.commit(now, self.late_written);
        }
        Ok(())
    }

    /// Writes a record for each due flow and returns those that are to be deleted.
    fn write_due<T: Table>(
        &mut self,
        table: &mut T,
        records: &mut impl Records,
        due: &[T::Handle],
        all: bool,
    ) -> anyhow::Result<Vec<(T::Handle, FlowKey)>> {
        let mut closing = Vec::with_capacity(due.len());
        for handle in due {
            let flow = table.read(*handle).context("reading a closing flow")?;
            let Some(flow) = flow else { continue };
            // It may be closing already, by a packet: what came behind the snapshot is for the
            // next pass, which commits the cut first.
            if flow.entry.state & state::CUT != 0 {
                write(records, &flow, End::Active);
            }
            if flow.entry.is_closing() {
                closing.push((*handle, flow.key));
                self.write_closing(records, flow, all);
            }
        }
        Ok(closing)
    }

    fn write_closing(&mut self, records: &mut impl Records, mut flow: Flow, all: bool) {
        // A crash came between its record and its deletion: stragglers make a record of their own.
        if records.already_written(&RecordId::of(&flow)) {
            return;
        }
        let end = if all && !expiry::has_ended(&flow.entry) {
            End::Shutdown
        } else {
            expiry::natural_end(&flow.entry)
        };
        if let Some(rest) = self.seeds.take_rest_of(&flow) {
            flow.entry.absorb::<Owned>(&rest);
            self.late_written = self.late_written.plus(rest.total());
        }
        write(records, &flow, end);
    }

    /// Late packets go back into the table, or are written as they are where it is full. Those
    /// whose key is being closed wait until it is gone: they are returned.
    fn put_back<T: Table>(
        &mut self,
        table: &mut T,
        records: &mut impl Records,
        closing: &[(T::Handle, FlowKey)],
    ) -> anyhow::Result<Vec<Flow>> {
        if self.seeds.is_empty() {
            return Ok(Vec::new());
        }
        let (mut open, finished) = self.seeds.take();
        for flow in finished {
            self.write_late(records, &flow, expiry::natural_end(&flow.entry));
        }
        for flow in &mut open {
            flow.entry.id = self.next_late_id();
        }
        let closing: HashSet<&FlowKey> = closing.iter().map(|(_, key)| key).collect();
        let (next, open): (Vec<_>, Vec<_>) = open
            .into_iter()
            .partition(|flow| closing.contains(&flow.key));
        self.plant_or_write(table, records, &open)?;
        Ok(next)
    }

    /// Seeds go into the table, or are written where there is no room. A flow that began to
    /// close, or was made by a packet, at the same moment takes its seed at the next pass.
    fn plant_or_write(
        &mut self,
        table: &mut impl Table,
        records: &mut impl Records,
        seeds: &[Flow],
    ) -> anyhow::Result<()> {
        let planted = table.plant(seeds).context("putting late packets back")?;
        let refused = seeds.iter().zip(planted).filter(|(_, planted)| !planted);
        for (flow, _) in refused {
            if table.holds(&flow.key, flow.entry.ifindex)? {
                self.seeds.keep(flow);
            } else {
                self.write_late(records, flow, End::Overflow);
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

    fn write_late(&mut self, records: &mut impl Records, flow: &Flow, end: End) {
        let mut flow = *flow;
        flow.entry.id = self.next_late_id();
        self.late_written = self.late_written.plus(flow.entry.total());
        records.flow_ended(&flow, flow.entry.counts(), end);
    }
}

fn write(records: &mut impl Records, flow: &Flow, end: End) {
    let counts = flow.entry.counts();
    // A part without packets is no record; one in the spool already is not written again.
    let known = records.already_written(&RecordId::of(flow));
    if counts[0].plus(counts[1]).packets > 0 && !known {
        records.flow_ended(flow, counts, end);
    }
}
