//! Constants that the loader sets before the verifier sees the programs: what is off costs
//! nothing. Names are in [`collector_common::names::globals`].

use collector_common::packet::Link;

// aya-ebpf's `Global` wraps a `MaybeUninit`, a union whose name the kernel refuses in BTF.
#[unsafe(no_mangle)]
static LINK_TYPE: u32 = Link::Ethernet as u32;
#[unsafe(no_mangle)]
static SAMPLING: u32 = 1;
#[unsafe(no_mangle)]
static SAMPLE_RINGS: u32 = 1;
#[unsafe(no_mangle)]
static EXCLUDING: u32 = 0;
#[unsafe(no_mangle)]
static TEST_CLOCK: u32 = 0;
#[unsafe(no_mangle)]
static WAKE_BYTES: u64 = 1 << 20;

/// The value that the loader put there, which the compiler must not assume to know.
#[inline(always)]
fn load<T: Copy>(constant: &T) -> T {
    // SAFETY: a reference is valid to read.
    unsafe { core::ptr::read_volatile(constant) }
}

#[inline(always)]
pub fn link() -> Link {
    if load(&LINK_TYPE) == Link::Ip as u32 {
        Link::Ip
    } else {
        Link::Ethernet
    }
}

#[inline(always)]
pub fn sampling() -> bool {
    load(&SAMPLING) != 0
}

#[inline(always)]
pub fn sample_rings() -> u32 {
    load(&SAMPLE_RINGS)
}

#[inline(always)]
pub fn excluding() -> bool {
    load(&EXCLUDING) != 0
}

#[inline(always)]
pub fn test_clock() -> bool {
    load(&TEST_CLOCK) != 0
}

#[inline(always)]
pub fn wake_bytes() -> u64 {
    load(&WAKE_BYTES)
}
