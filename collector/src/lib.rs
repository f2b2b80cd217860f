//! The agent: what drives the kernel programs, and the pipeline from flow to file.
//!
//! The way of the data: `live` produces events; `pipeline` takes them through `inspect` (DPI),
//! `locate` (country, leg) and `anonymize` to the `sink`. To the right of `live` nothing knows
//! where an event came from, and time is an argument.

pub mod anomalies;
pub mod anonymize;
pub mod audit;
pub mod capture;
pub mod cli;
pub mod closing;
pub mod commands;
pub mod exclusion;
pub mod fuzz;
pub mod inspect;
pub mod live;
pub mod locate;
pub mod network;
pub mod pipeline;
pub mod process;
pub mod record;
pub mod rights;
pub mod settings;
pub mod sink;
pub mod watching;
