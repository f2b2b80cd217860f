//! TUN/TAP devices: the other side of the wire is a file, so a test can hand the kernel what no
//! veth gives, such as a super-packet whose segments nobody has counted.
//!
//! Documentation/networking/tuntap.rst; `struct virtio_net_hdr` in linux/virtio_net.h.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::{
        fd::AsRawFd,
        unix::{ffi::OsStrExt, fs::OpenOptionsExt},
    },
};

use anyhow::{Context, Result, ensure};

use crate::{
    link::{IpVersion, quiet},
    netns::Namespace,
};

mod request {
    use std::ffi::c_int;

    nix::ioctl_write_ptr_bad!(
        set_interface,
        nix::request_code_write!(b'T', 202, size_of::<c_int>()),
        libc::ifreq
    );
    nix::ioctl_write_int_bad!(
        set_offload,
        nix::request_code_write!(b'T', 208, size_of::<std::ffi::c_uint>())
    );
}

/// What a device carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layer {
    /// Ethernet frames (TAP).
    Ethernet,
    /// IP packets (TUN).
    Ip,
}

/// `struct virtio_net_hdr`: what a super-packet's receiver must know.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct VirtioHeader {
    /// `VIRTIO_NET_HDR_F_*`.
    pub flags: u8,
    /// `VIRTIO_NET_HDR_GSO_*`.
    pub gso_type: u8,
    /// Bytes of all headers, Ethernet through transport.
    pub header_len: u16,
    /// Payload bytes of a segment.
    pub gso_size: u16,
    /// Where the checksum starts: the transport header's offset.
    pub checksum_start: u16,
    /// Where the checksum lies, from `checksum_start`.
    pub checksum_offset: u16,
}

impl VirtioHeader {
    /// Bytes before each frame.
    pub const LEN: usize = 10;
    /// `VIRTIO_NET_HDR_F_NEEDS_CSUM`: the checksum is partial.
    pub const NEEDS_CHECKSUM: u8 = 1;
    /// `VIRTIO_NET_HDR_GSO_NONE`: one wire packet.
    pub const GSO_NONE: u8 = 0;
    /// `VIRTIO_NET_HDR_GSO_TCPV4`.
    pub const GSO_TCPV4: u8 = 1;
    /// `VIRTIO_NET_HDR_GSO_TCPV6`.
    pub const GSO_TCPV6: u8 = 4;
    /// `VIRTIO_NET_HDR_GSO_UDP_L4`.
    pub const GSO_UDP: u8 = 5;

    /// For a TCP super-packet in an Ethernet frame: IPv4 without options, IPv6 without extension
    /// headers, TCP header of 20 bytes; `gso_size` payload bytes a segment.
    #[must_use]
    pub fn tcp(version: IpVersion, gso_size: u16) -> Self {
        let (gso_type, network) = match version {
            IpVersion::V4 => (Self::GSO_TCPV4, 20),
            IpVersion::V6 => (Self::GSO_TCPV6, 40),
        };
        Self {
            flags: Self::NEEDS_CHECKSUM,
            gso_type,
            header_len: 14 + network + 20,
            gso_size,
            checksum_start: 14 + network,
            checksum_offset: 16,
        }
    }

    /// For one wire packet of more than a page whose buffer is to hold only `bytes` bytes linearly,
    /// the rest in fragments (`tun_alloc_skb` in drivers/net/tun.c).
    #[must_use]
    pub fn linear(bytes: u16) -> Self {
        Self {
            header_len: bytes,
            ..Self::default()
        }
    }

    /// As it stands before a frame: native byte order, as a device without
    /// `VIRTIO_F_VERSION_1` has it.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[0] = self.flags;
        bytes[1] = self.gso_type;
        let words = [
            self.header_len,
            self.gso_size,
            self.checksum_start,
            self.checksum_offset,
        ];
        for (place, word) in bytes[2..].chunks_exact_mut(2).zip(words) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    /// Reads what the kernel wrote before a frame, and the frame.
    #[must_use]
    pub fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&[flags, gso_type, a, b, c, d, e, f, g, h], frame) =
            bytes.split_first_chunk::<{ Self::LEN }>()?;
        let header = Self {
            flags,
            gso_type,
            header_len: u16::from_ne_bytes([a, b]),
            gso_size: u16::from_ne_bytes([c, d]),
            checksum_start: u16::from_ne_bytes([e, f]),
            checksum_offset: u16::from_ne_bytes([g, h]),
        };
        Some((header, frame))
    }
}

/// A device with no addresses, up, whose far side is this value; gone when dropped.
#[derive(Debug)]
pub struct Tap {
    file: File,
    name: String,
}

impl Tap {
    /// Makes device `name` in `namespace`. It takes super-packets both ways.
    ///
    /// # Errors
    /// Not root, no /dev/net/tun, or the name is taken.
    pub fn new(namespace: &Namespace, name: &str, layer: Layer) -> Result<Self> {
        let file = open(namespace, name, layer)?;
        let offloads = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6;
        // SAFETY: an ioctl on an open tun descriptor that takes a number.
        unsafe { request::set_offload(file.as_raw_fd(), offloads as i32) }.context("offloads")?;
        quiet(namespace, name)?;
        namespace.ip(&format!("link set {name} up"))?;
        let name = name.to_owned();
        Ok(Self { file, name })
    }

    /// Interface name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The device receives one wire packet.
    ///
    /// # Errors
    /// The kernel refuses it: shorter than its link header, device down.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        self.send_with(VirtioHeader::default(), frame)
    }

    /// The device receives one buffer as the header says; its `gso_segs` is 0.
    ///
    /// # Errors
    /// As [`Tap::send`], and where header and frame don't fit together.
    pub fn send_with(&self, header: VirtioHeader, frame: &[u8]) -> Result<()> {
        let bytes = [&header.to_bytes(), frame].concat();
        let written = (&self.file).write(&bytes)?;
        ensure!(written == bytes.len(), "{written} of {} bytes", bytes.len());
        Ok(())
    }

    /// What the device has sent, if anything: never waits.
    ///
    /// # Errors
    /// The device is down.
    pub fn receive(&self) -> Result<Option<(VirtioHeader, Vec<u8>)>> {
        let mut buffer = vec![0; VirtioHeader::LEN + 65_549];
        let length = match io::Read::read(&mut (&self.file), &mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let bytes = buffer.get(..length).context("length")?;
        let (header, frame) = VirtioHeader::split(bytes).context("no header")?;
        Ok(Some((header, frame.to_vec())))
    }
}

fn open(namespace: &Namespace, name: &str, layer: Layer) -> Result<File> {
    let _inside = namespace.enter()?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open("/dev/net/tun")
        .context("/dev/net/tun")?;
    let kind = match layer {
        Layer::Ethernet => libc::IFF_TAP,
        Layer::Ip => libc::IFF_TUN,
    };
    // SAFETY: ifreq is plain bytes and a union of plain values; all zero is a valid one.
    let mut ifreq: libc::ifreq = unsafe { std::mem::zeroed() };
    let bytes = std::ffi::OsStr::new(name).as_bytes();
    ensure!(bytes.len() < ifreq.ifr_name.len(), "{name}: name too long");
    for (place, &byte) in ifreq.ifr_name.iter_mut().zip(bytes) {
        *place = byte as libc::c_char;
    }
    ifreq.ifr_ifru.ifru_flags = (kind | libc::IFF_NO_PI | libc::IFF_VNET_HDR) as i16;
    // SAFETY: TUNSETIFF reads one ifreq, which lives through the call.
    unsafe { request::set_interface(file.as_raw_fd(), &raw const ifreq) }
        .with_context(|| format!("make device {name}"))?;
    Ok(file)
}
