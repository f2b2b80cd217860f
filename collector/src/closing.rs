//! Closing flows exactly: a pass over the flow table, and what late packets become.
//!
//! The live meter and replay close by this one rule; a [`Table`] is what differs.

mod seeds;

use anyhow::Context;
use collector_common::{
    event::SampleHeader,
    expiry::{self, End},
    flow::{Flow, Owned, state},
    key::FlowKey,
    settings::{Sweep, Timeouts},
    wire::Tally,
};
use hashbrown::HashSet;

pub(crate) use seeds::Kind;
pub use seeds::Seeds;

use crate::record::RecordId;

/// Where flows are counted: the kernel's table, or one in memory.
pub trait Table {
    /// Finds a flow that a sweep named.
    type Handle: Copy;

    /// Hands over what waits: samples to `records`, late packets to `seeds`.
    fn drain(&mut self, records: &mut impl Records, seeds: &mut Seeds);

    /// Goes a step on in the walk over the table, or begins one: marks what is due and adds it to
    /// `due`. False when the walk is over.
    ///
    /// # Errors
    /// Those of system calls.
    fn sweep(&mut self, sweep: &Sweep, due: &mut Vec<Self::Handle>) -> anyhow::Result<bool>;

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

    /// Takes flows out whose records are written.
    ///
    /// # Errors
    /// Those of system calls.
    fn delete(&mut self, closed: &[Self::Handle]) -> anyhow::Result<()>;

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
    fn commit(&mut self, late_written: Tally);

    /// The table has been walked over at `now`: cuts of the pass before are no longer told again.
    fn pass_over(&mut self, now: u64);
}

/// Flows that are closed at a time: memory of a pass is bounded by them, and a wait for running
/// programs, a sync of the disk is for so many.
const SLICE: usize = 16_384;
/// Entries visited at a time, in which nobody else runs on this core: some milliseconds.
const VISITS: u64 = 65_536;

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
    /// The first slice of a pass, and the last, whose cuts are written.
    passes: [u64; 2],
}

impl Closer {
    /// Ids of flows that late packets make count from above `late_id`, slices of passes from above
    /// `pass`: what was told up to it, by another agent, may be in no record.
    #[must_use]
    pub fn new(seeds: Seeds, late_id: u64, pass: u64) -> Self {
        Self {
            seeds,
            late_written: Tally::default(),
            late_id,
            passes: [pass + 1, pass],
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
    ) -> anyhow::Result<()> {
        table.drain(records, &mut self.seeds);
        if self.seeds.is_empty() {
            return Ok(());
        }
        self.put_back(table, records, &[])?;
        records.commit(self.late_written);
        Ok(())
    }

    /// A pass over the table, slice by slice; gives how many flows it closed.
    ///
    /// # Errors
    /// System calls that should not fail.
    pub fn pass<T: Table>(
        &mut self,
        table: &mut T,
        records: &mut impl Records,
        pass: &Pass,
    ) -> anyhow::Result<u64> {
        let (mut closed, mut more) = (0, true);
        while more {
            let due;
            (due, more) = self.slice(table, records, pass)?;
            closed += self.close(table, records, due, pass.all)?;
        }
        records.pass_over(pass.now);
        Ok(closed)
    }

    /// Marks flows that are due, some of them; whether there may be more. What is on disk by now is
    /// told, so that a cut is told once even where an iterator shows its flow again.
    fn slice<T: Table>(
        &mut self,
        table: &mut T,
        records: &mut impl Records,
        pass: &Pass,
    ) -> anyhow::Result<(Vec<T::Handle>, bool)> {
        let [since, committed] = self.passes;
        let parameters = Sweep {
            now: pass.now,
            pass: committed + 1,
            since,
            committed,
            all: pass.all.into(),
            visits: VISITS,
            timeouts: pass.timeouts,
        };
        self.passes[1] = parameters.pass;
        let (mut due, mut more) = (Vec::new(), true);
        while more && due.len() < SLICE {
            table.drain(records, &mut self.seeds);
            let step = table.sweep(&parameters, &mut due);
            more = step.context("sweeping the flow table")?;
        }
        Ok((due, more))
    }

    /// Closes what is due; gives how many flows that were. The order makes it exact: they are
    /// marked; wait until nobody adds any more, read, write, sync, delete; only then do packets of
    /// these keys open new entries.
    fn close<T: Table>(
        &mut self,
        table: &mut T,
        records: &mut impl Records,
        due: Vec<T::Handle>,
        all: bool,
    ) -> anyhow::Result<u64> {
        if !due.is_empty() {
            table.quiesce().context("waiting for running programs")?;
            table.drain(records, &mut self.seeds);
        }
        let (closing, keys) = self.write_due(table, records, due, all)?;
        let next = self.put_back(table, records, &keys)?;
        records.commit(self.late_written);
        table.delete(&closing).context("deleting closed flows")?;
        if !next.is_empty() {
            self.plant_or_write(table, records, &next)?;
            records.commit(self.late_written);
        }
        Ok(closing.len() as u64)
    }

    /// Writes a record for each due flow; gives those that are to be deleted, and their keys.
    fn write_due<T: Table>(
        &mut self,
        table: &mut T,
        records: &mut impl Records,
        due: Vec<T::Handle>,
        all: bool,
    ) -> anyhow::Result<(Vec<T::Handle>, Vec<FlowKey>)> {
        let (mut closing, mut keys) = (Vec::new(), Vec::new());
        for handle in due {
            let flow = table.read(handle).context("reading a closing flow")?;
            let Some(flow) = flow else { continue };
            // It may be closing already, by a packet: what came behind the snapshot is for the
            // next pass, which commits the cut first.
            if flow.entry.state & state::CUT != 0 {
                write(records, &flow, End::Active);
            }
            if flow.entry.is_closing() {
                closing.push(handle);
                keys.push(flow.key);
                self.write_closing(records, flow, all);
            }
        }
        Ok((closing, keys))
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
    fn put_back(
        &mut self,
        table: &mut impl Table,
        records: &mut impl Records,
        closing: &[FlowKey],
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
        let closing: HashSet<&FlowKey> = closing.iter().collect();
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
