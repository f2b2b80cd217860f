//! Hostile captures, from compressed bytes to frames.
#![no_main]

use collector::capture::reader::fuzz;

libfuzzer_sys::fuzz_target!(
    init: collector_fuzz::write(&fuzz::seeds()),
    |data: &[u8]| fuzz::captures(data)
);
