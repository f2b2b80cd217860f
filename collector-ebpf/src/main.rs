//! The kernel programs: entry points only.
//!
//! Every program passes every packet, always: a meter that drops is a bug.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch, core_intrinsics)]
#![expect(
    internal_features,
    reason = "the BPF target has no other way to an atomic add"
)]

mod frame;
mod maps;
mod meter;
mod settings;
mod skb;
mod sweep;
mod xdp;

use aya_ebpf::{
    bindings::xdp_action,
    macros::{classifier, xdp},
    programs::{TcContext, XdpContext},
};
use collector_common::books::Hook;

/// TCX_NEXT and TC_ACT_UNSPEC: the next program and the host's own filters decide.
const NEXT: i32 = -1;

#[xdp(frags)]
#[inline(always)]
pub fn meter_xdp(ctx: XdpContext) -> u32 {
    meter::meter(&xdp::XdpFrame::new(&ctx), Hook::Ingress);
    xdp_action::XDP_PASS
}

#[classifier]
#[inline(always)]
pub fn meter_tc_in(ctx: TcContext) -> i32 {
    meter::meter(&skb::SkbFrame::new(&ctx, Hook::Ingress), Hook::Ingress);
    NEXT
}

#[classifier]
#[inline(always)]
pub fn meter_tc_out(ctx: TcContext) -> i32 {
    meter::meter(&skb::SkbFrame::new(&ctx, Hook::Egress), Hook::Egress);
    NEXT
}

/// Run by the agent with a batch of [`collector_common::flow::Flow`] behind an Ethernet header;
/// returns a bit for each that found its way into the table.
#[classifier]
#[inline(always)]
pub fn seed_flows(ctx: TcContext) -> i32 {
    sweep::seed(&ctx) as i32
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // No path leads here (the verifier would refuse the loop); the compiler wants it written.
    loop {}
}

/// GPL-compatible, as helpers such as `bpf_seq_write` demand; the text is in LICENSE-GPL-2.0.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
