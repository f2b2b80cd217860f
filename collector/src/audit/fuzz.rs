//! What hostile closed files are held to.

use super::audit;

/// Faults that are kept.
const MOST: usize = 5;

/// As a closed file: as it is, and as the text of one.
pub(crate) fn closed(data: &[u8]) {
    for found in [audit(data, MOST), audit(packed(data).as_slice(), MOST)] {
        assert!(found.faults.len() <= MOST);
        assert!(found.is_clean() || !found.faults.is_empty());
    }
}

fn packed(text: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(text, 1).expect("level 1 exists")
}
