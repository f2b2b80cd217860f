//! Offload settings of a driver, so that an XDP program that changed one is noticed, and whoever else
//! does under way.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

/// Read-only queries of include/uapi/linux/ethtool.h that answer with one number.
const QUERIES: [(u32, &str); 6] = [
    (0x14, "receive checksumming"),
    (0x16, "transmit checksumming"),
    (0x1e, "TSO"),
    (0x23, "GSO"),
    (0x2b, "GRO"),
    (0x25, "flags (LRO, VLAN acceleration)"),
];
const ETHTOOL_GCHANNELS: u32 = 0x3c;
const SIOCETHTOOL: libc::c_ulong = 0x8946;

/// The place of the flags among the queries.
const FLAGS: usize = 5;
/// `ETH_FLAG_LRO` and `ETH_FLAG_RXVLAN`: several packets come as one, tags are taken out of frames.
const HIDING: u32 = 1 << 15 | 1 << 8;

/// Long enough for every structure asked for here.
const ANSWER: usize = 16;

/// What a driver has switched on. `None`: it does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offloads {
    features: [Option<u32>; QUERIES.len()],
    channels: Option<[u32; ANSWER - 1]>,
}

/// A way to ask drivers; to ask takes no right.
pub(super) struct Ethtool {
    socket: OwnedFd,
}

impl Ethtool {
    /// Opens the way, in the network namespace of the calling thread.
    ///
    /// # Errors
    /// The kernel refuses a socket.
    pub(super) fn open() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        // Any family serves (`sock_ioctl` in net/socket.c). This socket stays open behind the
        // sandbox: it is of one that leads nowhere but to the kernel.
        let route = SockProtocol::NetlinkRoute;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, route)?;
        Ok(Self { socket })
    }

    /// What the driver of `interface` says.
    #[must_use]
    pub(super) fn offloads(&self, interface: &str) -> Offloads {
        let query = |command| query(&self.socket, interface, command);
        Offloads {
            features: QUERIES.map(|(command, _)| query(command).map(|answer| answer[0])),
            channels: query(ETHTOOL_GCHANNELS),
        }
    }
}

impl Offloads {
    /// Switched on since `before`: what takes from XDP a part of what the wire carried.
    #[must_use]
    pub(super) fn hides_from_xdp_since(&self, before: &Self) -> bool {
        let on = |offloads: &Self| offloads.features[FLAGS].unwrap_or(0) & HIDING;
        on(self) & !on(before) != 0
    }

    /// Names what differs.
    pub(super) fn changed(&self, after: &Self) -> Vec<&'static str> {
        let pairs = self.features.iter().zip(&after.features);
        let mut names: Vec<_> = QUERIES
            .iter()
            .zip(pairs)
            .filter(|(_, (before, after))| before != after)
            .map(|((_, name), _)| *name)
            .collect();
        if self.channels != after.channels {
            names.push("queues");
        }
        names
    }
}

/// One query; `None` where the driver does not know it. The answer is what follows the command.
fn query(socket: &OwnedFd, interface: &str, command: u32) -> Option<[u32; ANSWER - 1]> {
    let mut answer = [0_u32; ANSWER];
    answer[0] = command;
    // SAFETY: all-zero is a valid value of this plain struct.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request
        .ifr_name
        .iter_mut()
        .zip(interface.bytes().take(libc::IFNAMSIZ - 1))
    {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_data = answer.as_mut_ptr().cast();
    // SAFETY: the request and the room behind its pointer live through the call; the structures
    // of these commands (ethtool_value 8 bytes, ethtool_channels 36) are shorter than the room.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) };
    let mut values = [0; ANSWER - 1];
    values.copy_from_slice(&answer[1..]);
    (done == 0).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_named() {
        let before = Offloads {
            features: [Some(1); QUERIES.len()],
            channels: None,
        };
        let mut after = before.clone();
        assert!(before.changed(&after).is_empty());
        after.features[2] = Some(0);
        after.channels = Some([1; ANSWER - 1]);
        assert_eq!(before.changed(&after), ["TSO", "queues"]);
    }

    #[test]
    fn the_loopback_device_answers_or_says_nothing() {
        let answer = Ethtool::open().unwrap().offloads("lo");
        assert!(answer.changed(&answer).is_empty());
    }

    #[test]
    fn only_what_is_switched_on_and_changes_frames_hides_them_from_xdp() {
        let with = |flags| {
            let mut offloads = Offloads {
                features: [None; QUERIES.len()],
                channels: None,
            };
            offloads.features[FLAGS] = flags;
            offloads
        };
        assert!(with(Some(1 << 15)).hides_from_xdp_since(&with(Some(0))));
        assert!(with(Some(1 << 8)).hides_from_xdp_since(&with(None)));
        assert!(!with(Some(0)).hides_from_xdp_since(&with(Some(1 << 15))));
        assert!(!with(Some(1 << 8 | 1 << 7)).hides_from_xdp_since(&with(Some(1 << 8))));
    }
}
