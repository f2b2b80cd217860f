//! What a hostile budget is held to.

use super::budget::Budget;
use crate::fuzz::Scratch;

/// As the budget of a node.
pub(crate) fn budget(data: &[u8]) {
    let scratch = Scratch::new();
    scratch.file("budget-relay.ndjson", data);
    let node = "relay".parse().expect("a name");
    // Damaged or not: it is told, and never a panic.
    drop(Budget::new(scratch.path(), &node).check());
}
