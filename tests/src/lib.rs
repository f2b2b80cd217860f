//! Helpers of the tests: namespaces, links, frames, traffic sources, real peers and the counters
//! that tell the truth about what crossed a wire.
//!
//! Only `meter`, `mixed`, `driven`, `captures`, `replayed`, `compared`, `outside`, `model`, `exact`,
//! `tables` and `soak` know the agent. A test builds a small network out of these parts, lets the
//! agent meter one interface of it and compares; or it plays captures.

pub mod binary;
pub mod captures;
pub mod clients;
pub mod compared;
pub mod corpus;
pub mod counts;
pub mod driven;
pub mod exact;
pub mod forms;
pub mod frames;
pub mod generator;
pub mod kernel;
pub mod link;
pub mod memory;
pub mod meter;
pub mod mixed;
pub mod model;
pub mod netns;
pub mod outside;
pub mod peers;
pub mod privileges;
pub mod raw_socket;
pub mod relay;
pub mod replayed;
pub mod scripted;
pub mod small_disk;
pub mod soak;
pub mod tables;
pub mod tap;
pub mod timed;
pub mod tornet;
pub mod trace;
pub mod usage;
pub mod wire;
