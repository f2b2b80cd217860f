//! Truth: what a wire carried, counted by an AF_PACKET socket and read by a parser that is not
//! ours.
//!
//! A super-packet counts as the segments it stands for: the socket asks for the kernel's
//! `virtio_net_hdr` before each buffer (`PACKET_VNET_HDR`), which names the segment size. So the
//! count holds with offloads on as well; `relay` proves it against a wire that carries segments.

use std::{
    collections::HashMap,
    io,
    mem::{size_of, size_of_val},
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, ensure};
use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{setsockopt, sockopt::RcvBufForce},
};

use crate::{
    netns::Namespace,
    raw_socket::{Sent, bind, packet_socket},
    tap::VirtioHeader,
};

/// Bytes kept of each buffer: enough for every header.
const SNAP: usize = 512;
/// Receive buffer: a hundred thousand full frames may wait.
const BUFFER: usize = 256 << 20;
/// The tap ends this long after the last packet.
const QUIET: Duration = Duration::from_millis(100);
/// `TP_STATUS_VLAN_VALID` (linux/if_packet.h): the kernel took the outer tag off.
const VLAN_VALID: u32 = 1 << 4;

/// One direction of a conversation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Direction {
    /// IANA protocol number.
    pub protocol: u8,
    /// Source; port 0 without ports.
    pub source: SocketAddr,
    /// Destination; port 0 without ports.
    pub destination: SocketAddr,
}

impl Direction {
    /// The way back.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            ..self
        }
    }
}

/// What an interface carried.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Truth {
    /// Wire packets and bytes by direction.
    pub directions: HashMap<Direction, Sent>,
    /// What is no IP packet, or a fragment.
    pub other: Sent,
    /// Buffers that stood for several wire packets.
    pub super_packets: u64,
    /// Buffers that the socket lost: above 0 nothing here is true.
    pub dropped: u64,
}

impl Truth {
    /// One direction's count, zero if it had no packet.
    #[must_use]
    pub fn of(&self, direction: &Direction) -> Sent {
        self.directions.get(direction).copied().unwrap_or_default()
    }

    /// All wire packets and bytes.
    #[must_use]
    pub fn total(&self) -> Sent {
        let mut total = self.other;
        for sent in self.directions.values() {
            total.packets += sent.packets;
            total.bytes += sent.bytes;
        }
        total
    }

    /// Wire packets and bytes from this port, in all directions.
    #[must_use]
    pub fn from_port(&self, port: u16) -> Sent {
        self.sum(|direction| direction.source.port() == port)
    }

    /// Wire packets and bytes to this port, in all directions.
    #[must_use]
    pub fn to_port(&self, port: u16) -> Sent {
        self.sum(|direction| direction.destination.port() == port)
    }

    fn sum(&self, wanted: impl Fn(&Direction) -> bool) -> Sent {
        let mut total = Sent::default();
        for (_, sent) in self
            .directions
            .iter()
            .filter(|(direction, _)| wanted(direction))
        {
            total.packets += sent.packets;
            total.bytes += sent.bytes;
        }
        total
    }

    fn add(&mut self, buffer: &Buffer<'_>) {
        let (direction, wire) = read(buffer);
        self.super_packets += u64::from(wire.packets > 1);
        let sent = match direction {
            Some(direction) => self.directions.entry(direction).or_default(),
            None => &mut self.other,
        };
        sent.packets += wire.packets;
        sent.bytes += wire.bytes;
    }
}

/// Counts what an interface sends and receives, in a thread, until it is stopped.
#[derive(Debug)]
pub struct WireTap {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Truth>>,
}

impl WireTap {
    /// Starts to count; no packet after the return is missed.
    ///
    /// # Errors
    /// Not root, or no such interface.
    pub fn start(namespace: &Namespace, interface: &str) -> Result<Self> {
        let inside = namespace.enter()?;
        let socket = packet_socket()?;
        setsockopt(&socket, RcvBufForce, &BUFFER)?;
        switch_on(&socket, libc::PACKET_AUXDATA)?;
        switch_on(&socket, libc::PACKET_VNET_HDR)?;
        bind(&socket, interface, libc::ETH_P_ALL as u16)?;
        drop(inside);
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let thread = std::thread::spawn(move || count(&socket, &flag));
        Ok(Self { stop, thread })
    }

    /// Waits until the interface is quiet, then gives the count.
    ///
    /// # Errors
    /// The socket lost a packet, so there is no truth to tell.
    pub fn stop(self) -> Result<Truth> {
        self.stop.store(true, Ordering::Relaxed);
        let truth = self
            .thread
            .join()
            .map_err(|_| anyhow!("the tap panicked"))??;
        ensure!(truth.dropped == 0, "the tap lost {} packets", truth.dropped);
        Ok(truth)
    }
}

/// One buffer as the socket gave it.
struct Buffer<'a> {
    /// Its first bytes.
    head: &'a [u8],
    /// Its length with the tag that the kernel took off.
    len: u64,
    /// Payload bytes of a segment; 0 for one wire packet.
    gso_size: u64,
    /// Bytes of the tag that is not in `head`.
    tag: u64,
}

fn count(socket: &OwnedFd, stop: &AtomicBool) -> Result<Truth> {
    let mut truth = Truth::default();
    let mut bytes = [0; VirtioHeader::LEN + SNAP];
    let mut last = Instant::now();
    loop {
        match receive(socket, &mut bytes)? {
            Some(buffer) => {
                truth.add(&buffer);
                last = Instant::now();
            }
            None if stop.load(Ordering::Relaxed) && last.elapsed() > QUIET => break,
            None => {
                let mut wait = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
                poll(&mut wait, PollTimeout::from(10_u8))?;
            }
        }
    }
    truth.dropped = dropped(socket)?;
    Ok(truth)
}

/// The next buffer, if one waits.
fn receive<'a>(socket: &OwnedFd, bytes: &'a mut [u8]) -> Result<Option<Buffer<'a>>> {
    // Room for one tpacket_auxdata, aligned as a control message asks for.
    let mut control = [0_u64; 8];
    let mut part = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: msghdr is plain integers and pointers; all zero is a valid one.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    let flags = libc::MSG_TRUNC | libc::MSG_DONTWAIT;
    // SAFETY: message points to buffers that live through the call, with their true sizes.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags) };
    let Ok(length) = usize::try_from(length) else {
        let error = io::Error::last_os_error();
        return match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
            _ => Err(error.into()),
        };
    };
    let tag = if vlan_taken_off(&message) { 4 } else { 0 };
    let kept = bytes.get(..length.min(bytes.len())).unwrap_or_default();
    let (header, head) = VirtioHeader::split(kept).ok_or_else(|| anyhow!("no header"))?;
    let whole = header.gso_type == VirtioHeader::GSO_NONE;
    Ok(Some(Buffer {
        head,
        len: (length - VirtioHeader::LEN) as u64 + tag,
        gso_size: if whole { 0 } else { header.gso_size.into() },
        tag,
    }))
}

fn vlan_taken_off(message: &libc::msghdr) -> bool {
    // SAFETY: recvmsg(2) filled the header; its control buffer is alive in the caller.
    let first = unsafe { libc::CMSG_FIRSTHDR(message) };
    // SAFETY: CMSG_FIRSTHDR gives null or a pointer to a whole header inside the buffer.
    let Some(control) = (unsafe { first.as_ref() }) else {
        return false;
    };
    if control.cmsg_level != libc::SOL_PACKET || control.cmsg_type != libc::PACKET_AUXDATA {
        return false;
    }
    // SAFETY: a PACKET_AUXDATA message carries one tpacket_auxdata (packet_recvmsg in
    // net/packet/af_packet.c), and the buffer has room for it.
    let auxdata: libc::tpacket_auxdata = unsafe {
        libc::CMSG_DATA(first)
            .cast::<libc::tpacket_auxdata>()
            .read_unaligned()
    };
    auxdata.tp_status & VLAN_VALID != 0
}

/// Who sent it to whom, and how many packets and bytes it was on the wire.
fn read(buffer: &Buffer<'_>) -> (Option<Direction>, Sent) {
    let one = Sent {
        packets: 1,
        bytes: buffer.len,
    };
    let Ok(packet) = LaxSlicedPacket::from_ethernet(buffer.head) else {
        return (None, one);
    };
    let (ports, payload) = match &packet.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            ((tcp.source_port(), tcp.destination_port()), tcp.payload())
        }
        Some(TransportSlice::Udp(udp)) => {
            ((udp.source_port(), udp.destination_port()), udp.payload())
        }
        _ => ((0, 0), &[][..]),
    };
    let wire = if buffer.gso_size == 0 || ports == (0, 0) {
        one
    } else {
        let headers = payload.as_ptr().addr() - buffer.head.as_ptr().addr();
        segments(buffer, headers as u64 + buffer.tag)
    };
    (direction(&packet, ports), wire)
}

/// Each segment but the first repeats the headers.
fn segments(buffer: &Buffer<'_>, headers: u64) -> Sent {
    let packets = (buffer.len - headers).div_ceil(buffer.gso_size).max(1);
    Sent {
        packets,
        bytes: buffer.len + (packets - 1) * headers,
    }
}

fn direction(packet: &LaxSlicedPacket<'_>, ports: (u16, u16)) -> Option<Direction> {
    let (protocol, fragment, source, destination) = match packet.net.as_ref()? {
        LaxNetSlice::Ipv4(ip) => (
            ip.payload_ip_number(),
            ip.is_payload_fragmented(),
            ip.header().source_addr().into(),
            ip.header().destination_addr().into(),
        ),
        LaxNetSlice::Ipv6(ip) => (
            ip.payload().ip_number,
            ip.is_payload_fragmented(),
            ip.header().source_addr().into(),
            ip.header().destination_addr().into(),
        ),
        LaxNetSlice::Arp(_) => return None,
    };
    (!fragment).then(|| Direction {
        protocol: protocol.0,
        source: SocketAddr::new(source, ports.0),
        destination: SocketAddr::new(destination, ports.1),
    })
}

fn switch_on(socket: &OwnedFd, option: libc::c_int) -> Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the pointer is to a c_int that lives through the call, with its true size.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
    ensure!(result == 0, io::Error::last_os_error());
    Ok(())
}

/// Buffers that found the receive queue full (packet(7), PACKET_STATISTICS).
fn dropped(socket: &OwnedFd) -> Result<u64> {
    let mut statistics = libc::tpacket_stats {
        tp_packets: 0,
        tp_drops: 0,
    };
    let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
    // SAFETY: the pointers are to a tpacket_stats and its size, which live through the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut statistics).cast(),
            &raw mut length,
        )
    };
    ensure!(result == 0, io::Error::last_os_error());
    Ok(statistics.tp_drops.into())
}
