//! Captures: what replaying them puts out.

pub mod each;
pub mod name;
pub mod unprotected;
