//! Time: since boot, suspend counted; or what a test says.

use aya_ebpf::{helpers::bpf_ktime_get_boot_ns, macros::map, maps::Array};

use crate::settings;

#[map]
static CLOCK: Array<u64> = Array::with_max_entries(1, 0);

/// Nanoseconds since boot.
#[inline(always)]
pub fn now() -> u64 {
    if settings::test_clock() {
        return CLOCK.get(0).copied().unwrap_or(0);
    }
    // SAFETY: the helper takes nothing and returns a number.
    unsafe { bpf_ktime_get_boot_ns() }
}
