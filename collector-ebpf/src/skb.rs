//! A frame at a TC hook: a socket buffer, which may stand for many frames of the wire.

use aya_ebpf::{
    EbpfContext,
    bindings::__sk_buff,
    helpers::{bpf_get_socket_uid, bpf_skb_load_bytes},
    programs::TcContext,
};
use collector_common::{
    books::Hook,
    flow::NO_USER,
    packet::{Bytes, Packet},
    tunnel,
    wire::{Buffer, Tally},
};

use crate::frame::{Direct, Frame, Loading};

/// What `bpf_get_socket_uid` says where there is no full socket (DEFAULT_OVERFLOWUID).
const OVERFLOW_UID: u32 = 65_534;

pub struct SkbFrame<'a> {
    ctx: &'a TcContext,
    hook: Hook,
}

impl<'a> SkbFrame<'a> {
    #[inline(always)]
    pub fn new(ctx: &'a TcContext, hook: Hook) -> Self {
        Self { ctx, hook }
    }

    #[inline(always)]
    fn skb(&self) -> *mut __sk_buff {
        self.ctx.as_ptr().cast()
    }

    #[inline(always)]
    fn buffer(&self) -> Buffer {
        let skb = self.skb();
        // SAFETY: the context is the one this program was called with; the verifier turns each
        // field read into a read of the buffer.
        unsafe {
            Buffer {
                len: (*skb).len,
                gso_segs: (*skb).gso_segs,
                gso_size: (*skb).gso_size,
                wire_len: (*skb).wire_len,
                tag_outside: (*skb).vlan_present != 0,
                egress: matches!(self.hook, Hook::Egress),
            }
        }
    }

    /// Bytes of headers that each segment of a super-packet has, 0 where the frame could not be
    /// read. At egress the queue's length counts, which knows tunnels.
    #[inline(always)]
    fn repeated(&self, packet: &Packet) -> u32 {
        if matches!(self.hook, Hook::Egress) || packet.payload == 0 {
            return packet.payload;
        }
        let bytes = Loading::new(self);
        // The code behind need not be verified for each way through a tunnel's headers.
        bytes.forget(tunnel::header_len(&bytes, packet) as usize) as u32
    }
}

impl Frame for SkbFrame<'_> {
    #[inline(always)]
    fn direct(&self) -> Direct {
        Direct::new(self.ctx.data(), self.ctx.data_end())
    }

    #[inline(always)]
    fn wire(&self, packet: &Packet) -> Tally {
        let buffer = self.buffer();
        match buffer.single() {
            Some(tally) => tally,
            None => buffer.segmented(self.repeated(packet), packet.jumbo_header),
        }
    }

    #[inline(always)]
    fn len(&self) -> u32 {
        self.ctx.len()
    }

    #[inline(always)]
    fn ifindex(&self) -> u32 {
        // SAFETY: as in `buffer`.
        unsafe { (*self.skb()).ifindex }
    }

    #[inline(always)]
    unsafe fn copy(&self, offset: u32, to: *mut u8, len: u32) -> bool {
        // SAFETY: the caller gives `len` bytes of room; the helper checks the packet's side.
        unsafe { bpf_skb_load_bytes(self.ctx.as_ptr().cast(), offset, to.cast(), len) == 0 }
    }

    #[inline(always)]
    fn user(&self) -> u32 {
        if matches!(self.hook, Hook::Ingress) {
            return NO_USER;
        }
        // SAFETY: the context is the one this program was called with.
        match unsafe { bpf_get_socket_uid(self.skb()) } {
            OVERFLOW_UID => NO_USER,
            user => user,
        }
    }
}
