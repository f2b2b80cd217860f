//! Constants that the loader sets before the verifier sees the programs: what is off costs
//! nothing. Names are in [`collector_common::names::globals`].

use aya_ebpf::Global;
use collector_common::packet::Link;

#[unsafe(no_mangle)]
static LINK_TYPE: Global<u32> = Global::new(Link::Ethernet as u32);
#[unsafe(no_mangle)]
static SAMPLING: Global<u32> = Global::new(1);
#[unsafe(no_mangle)]
static EXCLUDING: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
static TEST_CLOCK: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
static WAKE_BYTES: Global<u64> = Global::new(1 << 20);

#[inline(always)]
pub fn link() -> Link {
    if LINK_TYPE.load() == Link::Ip as u32 {
        Link::Ip
    } else {
        Link::Ethernet
    }
}

#[inline(always)]
pub fn sampling() -> bool {
    SAMPLING.load() != 0
}

#[inline(always)]
pub fn excluding() -> bool {
    EXCLUDING.load() != 0
}

#[inline(always)]
pub fn test_clock() -> bool {
    TEST_CLOCK.load() != 0
}

#[inline(always)]
pub fn wake_bytes() -> u64 {
    WAKE_BYTES.load()
}
