//! Whether the tests that need the kernel can run here.

use std::{
    env,
    io::{self, Write},
    panic::Location,
};

/// Set to `1`, it turns a skipped kernel test into a failure: for CI, where a skip hides a loss.
pub const REQUIRE_KERNEL: &str = "COLLECTOR_REQUIRE_KERNEL";

/// True as root. Otherwise prints which test is skipped and why.
///
/// # Panics
/// Not root and [`REQUIRE_KERNEL`] is `1`.
#[track_caller]
#[must_use]
pub fn root_or_skip() -> bool {
    if nix::unistd::geteuid().is_root() {
        return true;
    }
    skip("network namespaces and kernel programs need root");
    false
}

/// Tells what a reader of the log must know of a test that passes, too: libtest holds back what the
/// macros print.
pub fn say(what: &str) {
    // A closed standard error is no reason to fail.
    let _ = writeln!(io::stderr(), "{what}");
}

/// Prints where a test is skipped and why.
///
/// # Panics
/// [`REQUIRE_KERNEL`] is `1`.
#[track_caller]
pub fn skip(reason: &str) {
    let place = Location::caller();
    let required = env::var(REQUIRE_KERNEL).is_ok_and(|value| value == "1");
    assert!(
        !required,
        "{place}: may not be skipped ({REQUIRE_KERNEL}=1): {reason}"
    );
    eprintln!("skipped: {}:{}: {reason}", place.file(), place.line());
}
