//! Sends frames as they are, by an AF_PACKET socket: they pass the egress hook of the interface
//! and the ingress hook of the one behind the wire.

use std::{
    io,
    mem::size_of,
    os::fd::{AsRawFd, OwnedFd},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use nix::{
    net::if_::if_nametoindex,
    sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, send, socket},
};

use crate::netns::Namespace;

/// What was handed to an interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// Frames.
    pub packets: u64,
    /// Bytes with the Ethernet header, without FCS.
    pub bytes: u64,
}

/// A socket bound to one interface.
#[derive(Debug)]
pub struct RawSocket {
    socket: OwnedFd,
}

impl RawSocket {
    /// Binds to `interface` of `namespace`. The socket receives nothing.
    ///
    /// # Errors
    /// Not root, or no such interface.
    pub fn bind(namespace: &Namespace, interface: &str) -> Result<Self> {
        let _inside = namespace.enter()?;
        let socket = packet_socket()?;
        bind(&socket, interface, 0)?;
        Ok(Self { socket })
    }

    /// Sends one frame.
    ///
    /// # Errors
    /// The kernel refuses the frame (longer than the MTU, interface down).
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        let sent = send(self.socket.as_raw_fd(), frame, MsgFlags::empty())?;
        ensure!(sent == frame.len(), "{sent} of {} bytes", frame.len());
        Ok(())
    }

    /// Sends all frames, as fast as it goes.
    ///
    /// # Errors
    /// As [`RawSocket::send`]; frames before the refused one were sent.
    pub fn send_all<F: AsRef<[u8]>>(&self, frames: &[F]) -> Result<Sent> {
        let mut sent = Sent::default();
        for (number, frame) in frames.iter().enumerate() {
            let frame = frame.as_ref();
            self.send(frame)
                .with_context(|| format!("frame {number}"))?;
            sent.packets += 1;
            sent.bytes += frame.len() as u64;
        }
        Ok(sent)
    }

    /// Sends all frames at no more than `per_second` frames a second, in bursts of a millisecond.
    ///
    /// # Errors
    /// As [`RawSocket::send_all`].
    pub fn send_paced<F: AsRef<[u8]>>(&self, frames: &[F], per_second: u32) -> Result<Sent> {
        let burst = (per_second / 1000).max(1);
        let pause = Duration::from_secs(1) * burst / per_second.max(1);
        let mut sent = Sent::default();
        let mut next = Instant::now();
        for chunk in frames.chunks(burst as usize) {
            thread::sleep(next.saturating_duration_since(Instant::now()));
            next += pause;
            let part = self.send_all(chunk)?;
            sent.packets += part.packets;
            sent.bytes += part.bytes;
        }
        Ok(sent)
    }
}

/// An AF_PACKET socket of the calling thread's namespace that receives nothing yet.
pub(crate) fn packet_socket() -> Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC;
    Ok(socket(AddressFamily::Packet, SockType::Raw, flags, None)?)
}

/// Binds a packet socket to an interface of its namespace. `protocol` is an ethertype in host byte
/// order that it will receive, 0 for nothing. The calling thread is in the same namespace.
pub(crate) fn bind(socket: &OwnedFd, interface: &str, protocol: u16) -> Result<()> {
    let index = if_nametoindex(interface).with_context(|| interface.to_owned())?;
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: protocol.to_be(),
        sll_ifindex: index as i32,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    // SAFETY: the pointer is to a sockaddr_ll that lives through the call, with its true size.
    let result = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error()).with_context(|| format!("bind to {interface}"));
    }
    Ok(())
}
