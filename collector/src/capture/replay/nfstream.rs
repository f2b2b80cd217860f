//! NFStream's ways (6.6.0), for comparison: which packets it sees, and when it cuts flows.

mod arrival;
mod encapsulated;
mod packets;

pub(super) use arrival::Arrival;
pub(super) use packets::{View, view};
