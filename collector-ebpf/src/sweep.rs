//! Closing flows, and taking late packets back in.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext,
    bindings::seq_file,
    helpers::{bpf_seq_write, bpf_skb_load_bytes},
    programs::TcContext,
};
use collector_common::{
    event::{SEED_HEADER, SEEDS_PER_RUN},
    flow::{Flow, FlowEntry, state},
    key::FlowKey,
};

use crate::maps::{Atomic, books, flows, scratch, sweep};

/// `struct bpf_iter_meta` (include/linux/bpf.h).
#[repr(C)]
struct Meta {
    seq: *mut seq_file,
}

/// `struct bpf_iter__bpf_map_elem` (kernel/bpf/map_iter.c).
#[repr(C)]
struct MapElement {
    meta: *const Meta,
    map: *const c_void,
    key: *const FlowKey,
    value: *mut FlowEntry,
}

/// Visits one entry of the table, writes its key to the agent when it is due and marks it. 1 ends
/// the read; the next one begins with this entry.
///
/// aya-ebpf has no macro for this program type; the section's name says it all to the loader.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/bpf_map_elem")]
extern "C" fn sweep_flows(element: *mut MapElement) -> i32 {
    // SAFETY: the kernel calls with this struct; key and value are null after the last entry.
    let (meta, key, value) = unsafe { ((*element).meta, (*element).key, (*element).value) };
    if key.is_null() || value.is_null() {
        return 0;
    }
    let Some(sweep) = sweep::get() else { return 0 };
    if sweep.visits == 0 {
        return 1;
    }
    sweep.visits -= 1;
    let tell = || {
        // SAFETY: `key` is the map's key size. Refused by a full buffer, it comes again.
        let told = unsafe { bpf_seq_write((*meta).seq, key.cast(), size_of::<FlowKey>() as u32) };
        told == 0
    };
    // SAFETY: not null, of the map's value size; shared with packet programs as in `flows::find`.
    unsafe { (*value).visit::<Atomic>(sweep, tell) };
    0
}

/// Adds a batch of seeds to the table; bit i of the answer says that seed i is in.
#[inline(always)]
pub fn seed(ctx: &TcContext) -> u32 {
    let mut done = 0;
    let mut index = 0;
    while index < SEEDS_PER_RUN {
        let Some(seed) = scratch::seed() else { break };
        if !load(ctx, index, seed) {
            break;
        }
        if plant(seed) {
            done |= 1 << index;
        }
        index += 1;
    }
    done
}

#[inline(always)]
fn load(ctx: &TcContext, index: usize, seed: &mut Flow) -> bool {
    let offset = SEED_HEADER + index * size_of::<Flow>();
    // SAFETY: the helper writes as many bytes as a `Flow` has, any of which are valid.
    let loaded = unsafe {
        bpf_skb_load_bytes(
            ctx.as_ptr().cast(),
            offset as u32,
            core::ptr::from_mut(seed).cast(),
            size_of::<Flow>() as u32,
        )
    };
    loaded == 0
}

#[inline(always)]
fn plant(seed: &Flow) -> bool {
    let Some(books) = books::get() else {
        return false;
    };
    let wire = seed.entry.directions[0]
        .tally
        .plus(seed.entry.directions[1].tally);
    let planted = match flows::find(&seed.key) {
        Some(entry) => join(entry, &seed.entry),
        // Another CPU may make the entry meanwhile: then this seed stays the agent's.
        None => flows::insert_new(&seed.key, &seed.entry),
    };
    if planted {
        books.settled.add(wire);
    }
    planted
}

#[inline(always)]
fn join(entry: &mut FlowEntry, seed: &FlowEntry) -> bool {
    let open = entry.state & state::CLOSING == 0 && entry.ifindex == seed.ifindex;
    if open {
        entry.absorb::<Atomic>(seed);
    }
    open
}
