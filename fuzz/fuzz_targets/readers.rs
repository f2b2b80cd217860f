//! Hostile files and answers, for the family of readers that COLLECTOR_FAMILY names.
#![no_main]

use std::{env, sync::LazyLock};

use collector::fuzz;

static FAMILY: LazyLock<String> = LazyLock::new(|| {
    let family = env::var("COLLECTOR_FAMILY").unwrap_or_default();
    assert!(
        fuzz::families().any(|name| name == family),
        "COLLECTOR_FAMILY names no family of readers"
    );
    family
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::reader(&FAMILY, data));
