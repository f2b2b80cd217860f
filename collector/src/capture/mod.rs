//! Offline: captures, and what replaying them puts out.

pub mod each;
pub mod name;
pub mod reader;
pub mod unprotected;
