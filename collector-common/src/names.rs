//! The names of programs and maps, once. A kernel object name keeps 15 characters.

/// XDP, ingress.
pub const METER_XDP: &str = "meter_xdp";
/// TC, ingress, where XDP does not serve.
pub const METER_TC_IN: &str = "meter_tc_in";
/// TC, egress.
pub const METER_TC_OUT: &str = "meter_tc_out";
/// Iterator over [`FLOWS`] that marks what is due and hands out its keys.
pub const SWEEP_FLOWS: &str = "sweep_flows";
/// Run by the agent over a batch of seeds: adds late packets to the table.
pub const SEED_FLOWS: &str = "seed_flows";

/// Every program of the kernel object.
pub const PROGRAMS: [&str; 5] = [
    METER_XDP,
    METER_TC_IN,
    METER_TC_OUT,
    SWEEP_FLOWS,
    SEED_FLOWS,
];

/// HASH: [`crate::key::FlowKey`] to [`crate::flow::FlowEntry`].
pub const FLOWS: &str = "FLOWS";
/// RINGBUF: payload samples ([`crate::event::SampleHeader`] and bytes), each flow's in one of them
/// ([`crate::event::sample_ring`]). Maps of their own, for those inside another map can be found
/// again after a crash by CAP_SYS_ADMIN alone.
pub const SAMPLES: [&str; 4] = ["SAMPLES_0", "SAMPLES_1", "SAMPLES_2", "SAMPLES_3"];
/// RINGBUF: packets of closing flows ([`crate::event::Late`]).
pub const LATE: &str = "LATE";
/// RINGBUF: packets that found the table full ([`crate::event::Late`]). Apart, so that a flood of
/// flows pushes no packet of a flow that is in the table out of its ring.
pub const OVERFLOW: &str = "OVERFLOW";
/// PERCPU_ARRAY of one [`crate::books::Books`].
pub const BOOKS: &str = "BOOKS";
/// LPM_TRIE: [`crate::settings::Prefix`] to [`crate::settings::PortSet`].
pub const EXCLUDED: &str = "EXCLUDED";
/// ARRAY of one [`crate::settings::Sweep`].
pub const SWEEP: &str = "SWEEP";
/// ARRAY of one u64: the time in nanoseconds that tests set.
pub const CLOCK: &str = "CLOCK";
/// PERCPU_ARRAY of one [`crate::flow::FlowEntry`]: room that the 512-byte stack lacks.
pub const SCRATCH: &str = "SCRATCH";
/// PERCPU_ARRAY of one [`crate::flow::Flow`]: a seed on its way into the table.
pub const SEED: &str = "SEED";
/// PERCPU_ARRAY: the packet in hand.
pub const DESK: &str = "DESK";

/// Every map of the kernel object that the agent and the programs share.
pub const MAPS: [&str; 14] = [
    FLOWS, SAMPLES[0], SAMPLES[1], SAMPLES[2], SAMPLES[3], LATE, OVERFLOW, BOOKS, EXCLUDED, SWEEP,
    CLOCK, SCRATCH, SEED, DESK,
];

/// Global constants of the object, set before it is loaded (see [`crate::settings`]).
pub mod globals {
    /// u32: [`crate::packet::Link`] as a number.
    pub const LINK: &str = "LINK_TYPE";
    /// u32: 1 when payload samples are taken.
    pub const SAMPLING: &str = "SAMPLING";
    /// u32: how many of [`super::SAMPLES`] are in use, a power of two.
    pub const SAMPLE_RINGS: &str = "SAMPLE_RINGS";
    /// u32: 1 when [`super::EXCLUDED`] holds a prefix.
    pub const EXCLUDING: &str = "EXCLUDING";
    /// u32: 1 when time is read from [`super::CLOCK`].
    pub const TEST_CLOCK: &str = "TEST_CLOCK";
    /// u64: how many unread bytes of a ring wake the agent.
    pub const WAKE_BYTES: &str = "WAKE_BYTES";
}

#[cfg(test)]
mod tests {
    #[test]
    fn kernel_object_names_fit_in_fifteen_characters() {
        for name in super::PROGRAMS.iter().chain(&super::MAPS) {
            assert!(name.len() <= 15, "{name} is cut by the kernel");
        }
    }
}
