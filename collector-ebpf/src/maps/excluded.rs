//! What the operator excludes, by prefix and port. Asked once per new flow: what is excluded has
//! no entry, so its packets come here each time, and nothing of them is copied.

use aya_ebpf::{
    macros::map,
    maps::lpm_trie::{Key, LpmTrie},
};
use collector_common::{
    key::FlowKey,
    settings::{PortSet, Prefix},
};

use crate::settings;

#[map]
static EXCLUDED: LpmTrie<Prefix, PortSet> = LpmTrie::with_max_entries(1024, 0);

#[inline(always)]
pub fn covers(key: &FlowKey) -> bool {
    settings::excluding() && (matches(key, 0) || matches(key, 1))
}

#[inline(always)]
fn matches(key: &FlowKey, side: usize) -> bool {
    let prefix = Prefix::of(&key.address[side], key.version);
    EXCLUDED
        .get(Key::new(Prefix::HOST_BITS, prefix))
        .is_some_and(|rule| rule.covers(key.port))
}
