//! The flow table in memory: what the kernel's hash map is to the live meter.

use std::hash::{BuildHasher, Hasher};

use collector_common::{
    expiry,
    flow::{Flow, FlowEntry, Owned, state},
    key::FlowKey,
    settings::{SECOND, Sweep, Timeouts},
};
use hashbrown::{DefaultHashBuilder, HashTable};
use zerocopy::IntoBytes;

use super::wheel::Wheel;

/// Finds a flow in its table until it is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle(u32);

impl Handle {
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// Key, counters and times lie in its first 128 bytes: every packet touches two cache lines that
/// processors fetch together.
#[repr(C, align(128))]
struct Slot {
    flow: Flow,
    /// Payload tells nothing more of the flow.
    decided: bool,
}

const _: () = assert!(size_of::<Slot>() == 256);

/// What of a slot packets do not touch.
struct Plan {
    hash: u64,
    /// Second at which the flow is looked at; 0: never, the slot is free.
    due: u64,
}

/// Flows by key. Times are nanoseconds, seconds are whole ones of the same clock.
pub struct FlowTable {
    keys: HashTable<Handle>,
    hasher: DefaultHashBuilder,
    slots: Vec<Slot>,
    plans: Vec<Plan>,
    free: Vec<Handle>,
    capacity: usize,
    timeouts: Timeouts,
    wheel: Wheel,
}

impl FlowTable {
    /// Room for `capacity` flows at a time; the clock stands at `now`.
    #[must_use]
    pub fn new(capacity: usize, timeouts: Timeouts, now: u64) -> Self {
        // Growing moves every flow, but rarely; room that is not used is zeroed in huge pages.
        let room = capacity.min(ROOM);
        Self {
            keys: HashTable::with_capacity(room),
            hasher: DefaultHashBuilder::default(),
            slots: Vec::with_capacity(room),
            plans: Vec::with_capacity(room),
            free: Vec::new(),
            capacity,
            timeouts,
            wheel: Wheel::new(now / SECOND),
        }
    }

    /// Flows in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// No flow is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Keyed anew in each table: nobody can choose flows that meet in one bucket.
    fn hash(&self, key: &FlowKey) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key.as_bytes());
        hasher.finish()
    }

    /// The key's flow.
    #[must_use]
    pub fn find(&self, key: &FlowKey) -> Option<Handle> {
        let hash = self.hash(key);
        let is_it = |handle: &Handle| self.slots[handle.index()].flow.key == *key;
        self.keys.find(hash, is_it).copied()
    }

    /// Where the key's flow probably is: a look at the index alone. [`FlowTable::confirm`] tells.
    #[must_use]
    pub fn guess(&self, key: &FlowKey) -> Option<Handle> {
        self.keys.find(self.hash(key), |_| true).copied()
    }

    /// The key's flow, which is mostly where the guess says. A guess may be of any age.
    #[must_use]
    pub fn confirm(&self, guess: Option<Handle>, key: &FlowKey) -> Option<Handle> {
        let place = guess.and_then(|guess| self.slots.get(guess.index()));
        if place.is_some_and(|slot| slot.flow.key == *key) {
            return guess;
        }
        self.find(key)
    }

    /// Puts in a flow whose key is not there; `None` where the table is full.
    pub fn insert(&mut self, key: &FlowKey, entry: FlowEntry) -> Option<Handle> {
        if self.len() >= self.capacity {
            return None;
        }
        let hash = self.hash(key);
        let slot = Slot {
            flow: Flow { key: *key, entry },
            decided: false,
        };
        let handle = self.place(slot, Plan { hash, due: 0 })?;
        let plans = &self.plans;
        self.keys
            .insert_unique(hash, handle, |handle| plans[handle.index()].hash);
        self.schedule(handle);
        Some(handle)
    }

    fn place(&mut self, slot: Slot, plan: Plan) -> Option<Handle> {
        if let Some(handle) = self.free.pop() {
            self.slots[handle.index()] = slot;
            self.plans[handle.index()] = plan;
            return Some(handle);
        }
        let handle = Handle(u32::try_from(self.slots.len()).ok()?);
        self.slots.push(slot);
        self.plans.push(plan);
        Some(handle)
    }

    /// The flow's entry. When a change brings its end closer, [`FlowTable::schedule`] follows.
    pub fn entry(&mut self, handle: Handle) -> &mut FlowEntry {
        &mut self.slots[handle.index()].flow.entry
    }

    /// Whether its payload may tell more.
    #[must_use]
    pub fn is_undecided(&self, handle: Handle) -> bool {
        !self.slots[handle.index()].decided
    }

    /// Its payload has told all.
    pub fn decide(&mut self, handle: Handle) {
        self.slots[handle.index()].decided = true;
    }

    /// The flow.
    #[must_use]
    pub fn flow(&self, handle: Handle) -> &Flow {
        &self.slots[handle.index()].flow
    }

    /// Sees to it that the flow is looked at as soon as it may be due.
    pub fn schedule(&mut self, handle: Handle) {
        let entry = &self.slots[handle.index()].flow.entry;
        // A cut is committed by the next sweep.
        let deadline = if entry.state & state::CUT != 0 {
            0
        } else {
            expiry::deadline(entry, &self.timeouts)
        };
        let second = self.wheel.clamp(deadline.div_ceil(SECOND));
        let plan = &mut self.plans[handle.index()];
        if plan.due == 0 || second < plan.due {
            plan.due = second;
            self.wheel.put(handle.0, second);
        }
    }

    /// The next second at which a sweep may find something.
    #[must_use]
    pub fn next_sweep(&self) -> Option<u64> {
        self.wheel.next()
    }

    /// The clock stands at `now`, and what had to be swept before is.
    pub fn follow(&mut self, now: u64) {
        self.wheel.skip(now / SECOND);
    }

    /// Marks what is due and gives it, by flow id. On a whole second that is looked for among the
    /// flows of this second, so sweeps miss no second of [`FlowTable::next_sweep`]; in between,
    /// and with `all`, among all.
    pub fn sweep(&mut self, sweep: &Sweep) -> Vec<Handle> {
        let tick = sweep.all == 0 && sweep.now.is_multiple_of(SECOND);
        let mut due: Vec<Handle> = if tick {
            self.looked_at(sweep.now / SECOND)
        } else {
            let all = self.plans.iter().zip(0..);
            let live = all.filter(|(plan, _)| plan.due != 0);
            live.map(|(_, index)| Handle(index)).collect()
        };
        due.retain(|handle| {
            let is_due = self.entry(*handle).visit::<Owned>(sweep, || true);
            if sweep.all == 0 && !is_due || self.entry(*handle).state & state::CUT != 0 {
                self.schedule(*handle);
            }
            is_due
        });
        due.sort_unstable_by_key(|handle| self.flow(*handle).entry.id);
        due
    }

    /// Takes those out of the wheel that are meant for this second.
    fn looked_at(&mut self, second: u64) -> Vec<Handle> {
        let mut taken = self.wheel.take(second);
        taken.retain(|index| {
            let plan = &mut self.plans[*index as usize];
            let meant = plan.due == second;
            if meant {
                plan.due = LOOKED_AT;
            }
            meant
        });
        taken.into_iter().map(Handle).collect()
    }

    /// Takes a flow out.
    pub fn delete(&mut self, handle: Handle) {
        // No packet has this key: no guess finds the place.
        self.slots[handle.index()].flow.key = FlowKey::default();
        let plan = &mut self.plans[handle.index()];
        plan.due = 0;
        let found = self.keys.find_entry(plan.hash, |other| *other == handle);
        if let Ok(found) = found {
            found.remove();
            self.free.push(handle);
        }
    }
}

/// Flows for which there is room from the start.
const ROOM: usize = 1 << 10;

/// Of a flow that is out of the wheel and in the table: later than any second.
const LOOKED_AT: u64 = u64::MAX;
