//! Captures instead of a live interface.

pub mod reader;
