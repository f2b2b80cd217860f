//! Hostile packets, from headers to counters.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| collector_common::fuzz::packet_path(data));
