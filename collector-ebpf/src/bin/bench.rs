//! Programs that tests and benches measure with, never shipped: an empty one, a floor (the least
//! a flow counter does), and a source of frames.
#![no_std]
#![no_main]
#![feature(core_intrinsics)]
#![expect(
    internal_features,
    reason = "the BPF target has no other way to an atomic add"
)]

use aya_ebpf::{
    bindings::xdp_action,
    helpers::{bpf_ktime_get_boot_ns, bpf_redirect},
    macros::{classifier, map, xdp},
    maps::{Array, HashMap},
    programs::{TcContext, XdpContext},
};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // No path leads here; the compiler wants it written.
    loop {}
}

#[xdp]
pub fn empty_xdp(_: XdpContext) -> u32 {
    xdp_action::XDP_PASS
}

#[classifier]
pub fn empty_tc(_: TcContext) -> i32 {
    -1
}

/// The floor's value: as long as a small flow entry.
#[repr(C)]
struct FloorEntry {
    packets: u64,
    bytes: u64,
    last: u64,
    rest: [u64; 13],
}

#[map(name = "FLOOR")]
static FLOOR: HashMap<[u64; 5], FloorEntry> = HashMap::with_max_entries(65_536, 0);

/// Ethernet, IPv4 without options, ports: one lookup, two atomic adds, one clock read.
#[xdp]
pub fn floor_xdp(ctx: XdpContext) -> u32 {
    floor(ctx.data(), ctx.data_end());
    xdp_action::XDP_PASS
}

#[classifier]
pub fn floor_tc(ctx: TcContext) -> i32 {
    floor(ctx.data(), ctx.data_end());
    -1
}

#[inline(always)]
fn floor(start: usize, end: usize) {
    if start + 54 > end {
        return;
    }
    // SAFETY: the comparison proves 54 bytes; the target reads unaligned words.
    let read = |offset: usize| unsafe { ((start + offset) as *const u32).read_unaligned() };
    // SAFETY: as above.
    let ethertype = unsafe { ((start + 12) as *const u16).read_unaligned() };
    if ethertype != 0x0008 {
        return;
    }
    let key = [
        read(26).into(),
        read(30).into(),
        read(34).into(),
        u64::from(read(22)) >> 8 & 0xff,
        0,
    ];
    match FLOOR.get_ptr_mut(&key) {
        Some(entry) => touch(entry, (end - start) as u64),
        None => {
            let entry = FloorEntry {
                packets: 1,
                bytes: 0,
                last: 0,
                rest: [0; 13],
            };
            let _ = FLOOR.insert(&key, &entry, 0);
        }
    }
}

#[inline(always)]
fn touch(entry: *mut FloorEntry, bytes: u64) {
    use core::intrinsics::{AtomicOrdering::Relaxed, atomic_xadd};
    // SAFETY: the pointer is a value of the map; the adds are atomic, the store is one word.
    unsafe {
        atomic_xadd::<u64, u64, { Relaxed }>(&raw mut (*entry).packets, 1);
        atomic_xadd::<u64, u64, { Relaxed }>(&raw mut (*entry).bytes, bytes);
        (*entry).last = bpf_ktime_get_boot_ns();
    }
}

/// Number of flows that `generate` sends round robin; set at load.
#[unsafe(no_mangle)]
static FLOWS: u32 = 1;

/// Index of the interface that `generate` sends by; set at load.
#[unsafe(no_mangle)]
static INTERFACE: u32 = 0;

/// Offset of the source port in the frame; set at load.
#[unsafe(no_mangle)]
static PORT_OFFSET: u32 = 34;

/// Offset of the last byte of the source address; set at load.
#[unsafe(no_mangle)]
static HOST_OFFSET: u32 = 29;

/// Ports that one source address uses, from 1024 on.
const PORTS: u32 = 60_000;

/// The number of the next frame's flow.
#[map(name = "GENERATED")]
static GENERATED: Array<u32> = Array::with_max_entries(1, 0);

/// Makes a frame of the next of `FLOWS` flows and sends it by `INTERFACE`. It runs under
/// `BPF_PROG_TEST_RUN` with live frames only, in one thread at a time: then `n * FLOWS` frames
/// are exactly `n` of each flow.
#[xdp]
pub fn generate(context: XdpContext) -> u32 {
    match stamp(&context, next_flow()) {
        // SAFETY: the helper takes numbers.
        Some(()) => unsafe { bpf_redirect(setting(&raw const INTERFACE), 0) as u32 },
        None => xdp_action::XDP_ABORTED,
    }
}

#[inline(always)]
fn next_flow() -> u32 {
    let Some(counter) = GENERATED.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: slot 0 exists, and one thread at a time runs this program.
    unsafe {
        let flow = *counter;
        *counter = if flow + 1 < setting(&raw const FLOWS) {
            flow + 1
        } else {
            0
        };
        flow
    }
}

/// Writes the flow's number into source port and source address.
#[inline(always)]
fn stamp(context: &XdpContext, flow: u32) -> Option<()> {
    let port = (1024 + flow % PORTS) as u16;
    let host = (1 + flow / PORTS) as u8;
    put(context, setting(&raw const PORT_OFFSET), port.to_be_bytes())?;
    put(context, setting(&raw const HOST_OFFSET), [host])
}

#[inline(always)]
fn put<const N: usize>(context: &XdpContext, offset: u32, bytes: [u8; N]) -> Option<()> {
    // The verifier wants a cap; both places lie in the first 64 bytes.
    let place = context.data() + (offset & 0x3f) as usize;
    if place + N > context.data_end() {
        return None;
    }
    // SAFETY: the comparison above bounds the bytes; packet memory asks for no alignment.
    unsafe { (place as *mut [u8; N]).write(bytes) };
    Some(())
}

/// Reads a setting; volatile, because it is written between compilation and load.
#[inline(always)]
fn setting(place: *const u32) -> u32 {
    // SAFETY: always a static of this file.
    unsafe { place.read_volatile() }
}

/// GPL-compatible, as in the meter's own object.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
