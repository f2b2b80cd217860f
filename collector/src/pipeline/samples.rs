//! Inspectors of the flows that are under way.

use collector_common::{event::SampleHeader, flow::Flow};
use hashbrown::HashMap;

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
        }
    }
}

enum State {
    Undecided(Box<Inspector>),
    Decided(Box<Inspection>),
}

struct Entry {
    state: State,
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

    pub(super) fn shed(&self) -> u64 {
        self.shed
    }

    /// Hands a sample to its flow's inspector. Once the inspector has decided, its payload goes, and
    /// the answer is false.
    pub(super) fn add(&mut self, header: &SampleHeader, bytes: &[u8]) -> bool {
        let taken = usize::try_from(header.taken).unwrap_or(usize::MAX);
        let bytes = bytes.get(..taken).unwrap_or(bytes);
        if !self.flows.contains_key(&header.id) && !self.begin(header) {
            self.shed += 1;
            return true;
        }
        let Some(entry) = self.flows.get_mut(&header.id) else {
            return true;
        };
        entry.heard = self.now;
        let State::Undecided(inspector) = &mut entry.state else {
            return false;
        };
        inspector.payload(header.from_opener == 1, header.offset, bytes);
        let decided = inspector.decided();
        if decided {
            self.decide(header.id);
        }
        !decided
    }

    /// What is known of `flow`; kept when it goes on.
    pub(super) fn inspection(&mut self, flow: &Flow, goes_on: bool) -> Inspection {
        let id = flow.entry.id;
        self.decide(id);
        let kept = if goes_on {
            self.flows.get_mut(&id).and_then(|entry| {
                entry.heard = self.now;
                entry.state.decided().cloned()
            })
        } else {
            self.flows
                .remove(&id)
                .and_then(|entry| entry.state.decided().cloned())
        };
        kept.unwrap_or_else(|| by_port(flow))
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
            .filter(|entry| matches!(entry.state, State::Undecided(_)))
            .count();
    }

    fn begin(&mut self, header: &SampleHeader) -> bool {
        if self.undecided >= self.limits.undecided || self.flows.len() >= self.limits.flows {
            return false;
        }
        let mut ports = [header.source_port, header.destination_port];
        if header.from_opener != 1 {
            ports.reverse();
        }
        let [opener, responder] = ports;
        let mut inspector = Inspector::new(header.protocol as u8, opener, responder);
        if let Some(detail) = self.limits.explain {
            inspector = inspector.explained(detail);
        }
        let entry = Entry {
            state: State::Undecided(Box::new(inspector)),
            heard: self.now,
        };
        self.flows.insert(header.id, entry);
        self.undecided += 1;
        true
    }

    /// Ends the inspection of a flow, so that its payload is gone.
    fn decide(&mut self, id: u64) {
        let Some(Entry {
            state: State::Undecided(_),
            heard,
        }) = self.flows.get(&id)
        else {
            return;
        };
        let heard = *heard;
        if let Some(Entry {
            state: State::Undecided(inspector),
            ..
        }) = self.flows.remove(&id)
        {
            self.undecided -= 1;
            let state = State::Decided(Box::new(inspector.finish()));
            self.flows.insert(id, Entry { state, heard });
        }
    }
}

impl State {
    fn decided(&self) -> Option<&Inspection> {
        match self {
            State::Decided(inspection) => Some(inspection),
            State::Undecided(_) => None,
        }
    }
}

fn by_port(flow: &Flow) -> Inspection {
    let opener = flow.entry.opener();
    let port = |side: collector_common::key::Side| flow.key.port[side.index()];
    inspect::by_port(flow.key.protocol, port(opener), port(opener.other()))
}
