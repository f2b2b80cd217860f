//! Inspectors of the flows that are under way.

use std::sync::Arc;

use collector_common::{
    event::{SampleHeader, sample_ring},
    flow::Flow,
    key::Side,
    schema::Sample,
};
use hashbrown::{HashMap, hash_map};
use parking_lot::{Mutex, MutexGuard};

use crate::inspect::{self, Inspection, Inspector, explain::Detail};

/// Bounds of payload memory.
#[derive(Clone, Copy, Debug)]
pub struct SampleLimits {
    /// Flows whose payload is kept at a time: about 6 KiB each.
    pub undecided: usize,
    /// Flows whose outcome is kept until they end.
    pub flows: usize,
    /// A flow of which nothing was heard for so long has ended unseen; more than the active
    /// timeout. Nanoseconds.
    pub forget_after: u64,
    /// Inspectors keep what their dissectors say.
    pub explain: Option<Detail>,
    /// No payload is taken, so that ports say all there is to say.
    pub blind: bool,
    /// Shards that share the bounds; a power of two.
    pub shards: u32,
}

impl SampleLimits {
    /// Limits for flows that are cut after `active` nanoseconds: between two cuts nothing need be
    /// heard of a flow, and its label must last.
    #[must_use]
    pub fn for_cuts_after(active: u64) -> Self {
        let defaults = Self::default();
        Self {
            forget_after: defaults.forget_after.max(2 * active),
            ..defaults
        }
    }
}

impl Default for SampleLimits {
    /// 8,192 undecided flows (48 MiB), 262,144 in all, two hours and a half.
    fn default() -> Self {
        Self {
            undecided: 8192,
            flows: 262_144,
            forget_after: 9_000_000_000_000,
            explain: None,
            blind: false,
            shards: 1,
        }
    }
}

/// Inspectors in shards that are locked apart: live, each ring of samples has a shard and a thread.
#[derive(Clone)]
pub struct Inspectors(Arc<[Mutex<Samples>]>);

impl Inspectors {
    /// Starts at `now`, as [`Samples::new`].
    pub(super) fn new(limits: SampleLimits, now: u64) -> Self {
        let shards = limits.shards.max(1);
        let share = |bound: usize| bound.div_ceil(shards as usize);
        let limits = SampleLimits {
            undecided: share(limits.undecided),
            flows: share(limits.flows),
            ..limits
        };
        let samples = |_| Mutex::new(Samples::new(limits, now));
        Self((0..shards).map(samples).collect())
    }

    /// The shard of the flow `id`.
    pub(crate) fn of(&self, id: u64) -> MutexGuard<'_, Samples> {
        let shards = u32::try_from(self.0.len()).unwrap_or(1);
        self.0[sample_ring(id, shards) as usize].lock()
    }

    pub(super) fn forget(&self, now: u64) {
        self.0.iter().for_each(|shard| shard.lock().forget(now));
    }

    pub(super) fn shed(&self) -> u64 {
        self.0.iter().map(|shard| shard.lock().shed()).sum()
    }
}

/// A flow that is under way: one of the two is there.
struct Entry {
    /// While it is undecided.
    inspector: Option<Box<Inspector>>,
    /// From then on.
    inspection: Option<Box<Inspection>>,
    /// Last [`Samples::forget`] before anything was heard of the flow.
    heard: u64,
    /// How many samples came.
    samples: u32,
    /// More would have told nothing.
    is_whole: bool,
}

/// By flow id. No `Debug`: it holds payload.
pub(crate) struct Samples {
    limits: SampleLimits,
    flows: HashMap<u64, Entry>,
    undecided: usize,
    shed: u64,
    now: u64,
    swept: u64,
}

impl Samples {
    /// Starts at `now`, nanoseconds since boot: what is heard before the first tick is new, however
    /// long the host has been up.
    pub(super) fn new(limits: SampleLimits, now: u64) -> Self {
        Self {
            limits,
            flows: HashMap::new(),
            undecided: 0,
            shed: 0,
            now,
            swept: now,
        }
    }

    pub(super) fn shed(&self) -> u64 {
        self.shed
    }

    /// Hands a sample to its flow's inspector. Once the inspector has decided, its payload goes, and
    /// the answer is false.
    pub(crate) fn add(&mut self, header: &SampleHeader, bytes: &[u8]) -> bool {
        let taken = usize::try_from(header.taken).unwrap_or(usize::MAX);
        let bytes = bytes.get(..taken).unwrap_or(bytes);
        let limits = &self.limits;
        let full = self.undecided >= limits.undecided || self.flows.len() >= limits.flows;
        let entry = match self.flows.entry(header.id) {
            hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hash_map::Entry::Vacant(_) if full => {
                self.shed += 1;
                return true;
            }
            hash_map::Entry::Vacant(entry) => {
                self.undecided += 1;
                entry.insert(Entry::new(header, limits.explain))
            }
        };
        entry.heard = self.now;
        entry.samples = entry.samples.saturating_add(1);
        let Some(inspector) = &mut entry.inspector else {
            return false;
        };
        inspector.payload(header.from_opener == 1, header.offset, bytes);
        let decided = inspector.decided();
        if decided {
            self.undecided -= 1;
            entry.is_whole = true;
            entry.decide();
        }
        !decided
    }

    /// What is known of `flow`, and of how much of its payload; kept when it goes on.
    pub(super) fn inspection(&mut self, flow: &Flow, goes_on: bool) -> (Inspection, Sample) {
        let sent = if self.limits.blind { 0 } else { sent(flow) };
        let hash_map::Entry::Occupied(mut entry) = self.flows.entry(flow.entry.id) else {
            let sample = if sent == 0 {
                Sample::None
            } else {
                Sample::Lost
            };
            return (self.by_port(flow), sample);
        };
        let known = entry.get_mut();
        known.heard = self.now;
        let is_whole = known.is_whole || known.samples >= sent;
        let sample = if is_whole {
            Sample::Whole
        } else {
            Sample::Lost
        };
        self.undecided -= usize::from(known.inspector.is_some());
        known.decide();
        let inspection = if goes_on {
            known.inspection.clone()
        } else {
            entry.remove().inspection
        };
        let inspection = inspection.map_or_else(|| self.by_port(flow), |inspection| *inspection);
        (inspection, sample)
    }

    fn by_port(&self, flow: &Flow) -> Inspection {
        let opener = flow.entry.opener();
        let port = |side: Side| flow.key.port[side.index()];
        let ports = (port(opener), port(opener.other()));
        if self.limits.blind {
            inspect::by_port_unheard(flow.key.protocol, ports.0, ports.1)
        } else {
            inspect::by_port(flow.key.protocol, ports.0, ports.1)
        }
    }

    /// Drops flows of which nothing was heard for long: a sample may come after its flow's end.
    pub(super) fn forget(&mut self, now: u64) {
        self.now = now;
        let limit = self.limits.forget_after;
        if now.saturating_sub(self.swept) < limit / 2 {
            return;
        }
        self.swept = now;
        self.flows
            .retain(|_, entry| now.saturating_sub(entry.heard) < limit);
        self.undecided = self
            .flows
            .values()
            .filter(|entry| entry.inspector.is_some())
            .count();
    }
}

/// How many samples of `flow` went to the ring, or found it full.
fn sent(flow: &Flow) -> u32 {
    let windows = flow.entry.directions.iter().map(|side| side.window);
    windows.map(|window| u32::from(window.segments)).sum()
}

impl Entry {
    fn new(header: &SampleHeader, explain: Option<Detail>) -> Self {
        let mut ports = [header.source_port, header.destination_port];
        if header.from_opener != 1 {
            ports.reverse();
        }
        let [opener, responder] = ports;
        let mut inspector = Inspector::new(header.protocol as u8, opener, responder);
        if let Some(detail) = explain {
            inspector = inspector.explained(detail);
        }
        Self {
            inspector: Some(Box::new(inspector)),
            inspection: None,
            heard: 0,
            samples: 0,
            is_whole: false,
        }
    }

    /// Ends the inspection, so that its payload is gone.
    fn decide(&mut self) {
        if let Some(inspector) = self.inspector.take() {
            self.inspection = Some(Box::new(inspector.finish()));
        }
    }
}
