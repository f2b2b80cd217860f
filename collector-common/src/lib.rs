//! What must be equal in the kernel programs and in the agent: header parsing, the flow key,
//! the update rule, the expiry rule, the layouts that cross the border, names and settings.
//!
//! Nothing here allocates, does I/O or knows of the loader. `cargo xtask build` compiles this
//! crate for the BPF target and for the host from the same source.
#![cfg_attr(not(any(test, feature = "std")), no_std)]
#![forbid(unsafe_code)]

pub mod books;
pub mod event;
pub mod expiry;
pub mod flow;
#[cfg(any(test, feature = "std"))]
#[doc(hidden)]
pub mod fuzz;
pub mod key;
pub mod names;
pub mod packet;
#[cfg(feature = "std")]
pub mod schema;
pub mod settings;
pub mod tunnel;
pub mod wire;

/// Version of every layout in this crate that the kernel keeps (map keys and values, ring
/// records). Pinned maps of another version are never reused.
pub const LAYOUT_VERSION: u32 = 2;
