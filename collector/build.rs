//! Embeds the kernel object, so that the agent loads nothing from a build path.
//!
//! `cargo xtask build` builds the object first. Without it the crate still compiles (for
//! `cargo clippy`, unit tests of the right half), and the agent says what is missing.

use std::{env, fs, path::PathBuf};

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join("..");
    let object = env::var_os("COLLECTOR_KERNEL_OBJECT").map_or_else(
        || root.join("target/bpf/bpfel-unknown-none/release/collector-ebpf"),
        PathBuf::from,
    );
    println!("cargo:rerun-if-env-changed=COLLECTOR_KERNEL_OBJECT");
    println!("cargo:rerun-if-changed={}", object.display());
    let bytes = fs::read(&object).unwrap_or_default();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    fs::write(out.join("kernel-object"), bytes).expect("the build folder can be written");
}
