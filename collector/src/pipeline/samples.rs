//! Inspectors of the flows that are under way.

use collector_common::{event::SampleHeader, flow::Flow, key::Side};
use hashbrown::{HashMap, hash_map};

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
        }
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
}

/// By flow id. No `Debug`: it holds payload.
pub(super) struct Samples {
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

    pub(super) fn set_limits(&mut self, limits: SampleLimits) {
        self.limits = limits;
    }

    pub(super) fn shed(&self) -> u64 {
        self.shed
    }

    /// Hands a sample to its flow's inspector. Once the inspector has decided, its payload goes, and
    /// the answer is false.
    pub(super) fn add(&mut self, header: &SampleHeader, bytes: &[u8]) -> bool {
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
        let Some(inspector) = &mut entry.inspector else {
            return false;
        };
        inspector.payload(header.from_opener == 1, header.offset, bytes);
        let decided = inspector.decided();
        if decided {
            self.undecided -= 1;
            entry.decide();
        }
        !decided
    }

    /// What is known of `flow`; kept when it goes on.
    pub(super) fn inspection(&mut self, flow: &Flow, goes_on: bool) -> Inspection {
        let hash_map::Entry::Occupied(mut entry) = self.flows.entry(flow.entry.id) else {
            return self.by_port(flow);
        };
        let known = entry.get_mut();
        known.heard = self.now;
        self.undecided -= usize::from(known.inspector.is_some());
        known.decide();
        let inspection = if goes_on {
            known.inspection.clone()
        } else {
            entry.remove().inspection
        };
        inspection.map_or_else(|| self.by_port(flow), |inspection| *inspection)
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
        }
    }

    /// Ends the inspection, so that its payload is gone.
    fn decide(&mut self) {
        if let Some(inspector) = self.inspector.take() {
            self.inspection = Some(Box::new(inspector.finish()));
        }
    }
}
