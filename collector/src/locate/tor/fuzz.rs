//! What a hostile consensus is held to.

use super::consensus::Consensus;
use crate::fuzz::Scratch;

/// As a consensus.
pub(crate) fn consensus(data: &[u8]) {
    let scratch = Scratch::new();
    let path = scratch.file("cached-consensus", data);
    match Consensus::read(&path) {
        Ok(consensus) => {
            let lines = data.split(|byte| *byte == b'\n').count();
            assert!(consensus.relays() as usize <= lines);
        }
        Err(error) => assert!(!error.is_missing()),
    }
}
