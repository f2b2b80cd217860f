//! A frame at the XDP hook: what the wire brought, before any offload.

use aya_ebpf::{
    EbpfContext,
    helpers::{bpf_xdp_get_buff_len, bpf_xdp_load_bytes},
    programs::XdpContext,
};
use collector_common::{flow::NO_USER, packet::Packet, wire::Tally};

use crate::frame::{Direct, Frame};

pub struct XdpFrame<'a> {
    ctx: &'a XdpContext,
}

impl<'a> XdpFrame<'a> {
    #[inline(always)]
    pub fn new(ctx: &'a XdpContext) -> Self {
        Self { ctx }
    }
}

impl Frame for XdpFrame<'_> {
    #[inline(always)]
    fn direct(&self) -> Direct {
        Direct::new(self.ctx.data(), self.ctx.data_end())
    }

    #[inline(always)]
    fn wire(&self, _: &Packet) -> Tally {
        Tally {
            packets: 1,
            bytes: u64::from(self.len()),
        }
    }

    #[inline(always)]
    fn len(&self) -> u32 {
        // SAFETY: the context is the one this program was called with.
        (unsafe { bpf_xdp_get_buff_len(self.ctx.as_ptr().cast()) }) as u32
    }

    #[inline(always)]
    fn ifindex(&self) -> u32 {
        self.ctx.ingress_ifindex() as u32
    }

    #[inline(always)]
    unsafe fn copy(&self, offset: u32, to: *mut u8, len: u32) -> bool {
        // SAFETY: the caller gives `len` bytes of room; the helper checks the packet's side.
        unsafe { bpf_xdp_load_bytes(self.ctx.as_ptr().cast(), offset, to.cast(), len) == 0 }
    }

    #[inline(always)]
    fn user(&self) -> u32 {
        NO_USER
    }
}
