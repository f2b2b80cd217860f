//! Message queues, remote calls and the services of data centres.

use super::Dissector;

pub(super) static DISSECTORS: &[&Dissector] = &[];
