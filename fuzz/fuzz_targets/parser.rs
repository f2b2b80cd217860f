//! Hostile packets, from headers to counters.
#![no_main]

use collector_common::fuzz;

libfuzzer_sys::fuzz_target!(
    init: collector_fuzz::write(&fuzz::seeds()),
    |data: &[u8]| fuzz::packet_path(data)
);
