//! What tor's own files say: torrc, the consensus, who tor runs as.

pub mod consensus;
mod file;
pub(crate) mod fuzz;
pub mod relays;
pub mod torrc;
pub mod user;

pub use file::FileError;

/// Names of tor's two flavours of the consensus, in its data directory.
pub const CACHED_CONSENSUS: [&str; 2] = ["cached-microdesc-consensus", "cached-consensus"];
