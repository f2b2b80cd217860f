//! Hostile payload, for the dissectors of the family that COLLECTOR_FAMILY names.
#![no_main]

use std::{env, sync::LazyLock};

use collector::inspect::fuzz;

static FAMILY: LazyLock<String> = LazyLock::new(|| {
    let family = env::var("COLLECTOR_FAMILY").unwrap_or_default();
    assert!(
        fuzz::families().any(|name| name == family),
        "COLLECTOR_FAMILY names no family of dissectors"
    );
    family
});

libfuzzer_sys::fuzz_target!(
    init: collector_fuzz::write(&collector_fuzz::conversations(&FAMILY)),
    |data: &[u8]| fuzz::family(&FAMILY, data)
);
