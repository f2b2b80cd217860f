//! Offline: captures, the replay that plays the kernel's part for them, and its outputs.

pub mod each;
pub mod explained;
pub mod name;
pub mod protected;
pub mod reader;
pub mod replay;
pub mod unprotected;
