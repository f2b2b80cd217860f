//! The host's own addresses, by rtnetlink (rtnetlink(7)), of the network namespace in which the
//! socket was opened. The socket stays open, so that rights may be dropped later; the whole list is
//! asked for each time, which costs less than to keep up with notices that may be lost.

use std::{
    io,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use hashbrown::HashSet;
use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::{
    RouteNetlinkMessage,
    address::{AddressAttribute, AddressMessage},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use super::ip::Ip;

/// A way that several ask in turn, opened before rights are given up.
#[derive(Clone, Debug)]
pub struct Way(Arc<Mutex<Addresses>>);

impl Way {
    /// Opens the way, in the network namespace of the calling thread.
    ///
    /// # Errors
    /// The kernel refuses a netlink socket.
    pub fn open() -> io::Result<Self> {
        Ok(Self(Arc::new(Mutex::new(Addresses::open()?))))
    }

    /// All addresses of all interfaces.
    pub(super) fn ask(&self) -> io::Result<HashSet<Ip>> {
        let mut addresses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.ask()
    }
}

/// Most messages that one answer is read from: the addresses of some 100,000.
const MAX_MESSAGES: u32 = 1 << 17;

/// The socket.
struct Addresses {
    socket: Socket,
    sequence: u32,
}

impl std::fmt::Debug for Addresses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Addresses").finish_non_exhaustive()
    }
}

impl Addresses {
    /// Opens the way, in the network namespace of the calling thread.
    ///
    /// # Errors
    /// The kernel refuses a netlink socket.
    fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        let sequence = 0;
        Ok(Self { socket, sequence })
    }

    /// All addresses of all interfaces.
    ///
    /// # Errors
    /// The kernel refuses, or its answer is not understood.
    fn ask(&mut self) -> io::Result<HashSet<Ip>> {
        self.sequence = self.sequence.wrapping_add(1);
        self.socket.send(&request(self.sequence), 0)?;
        let mut found = HashSet::new();
        let mut left = MAX_MESSAGES;
        loop {
            let (bytes, _) = self.socket.recv_from_full()?;
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                left = left.checked_sub(1).ok_or_else(not_understood)?;
                let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)
                    .map_err(|_| not_understood())?;
                rest = rest
                    .get(padded(message.header.length)..)
                    .unwrap_or_default();
                // What an earlier question left.
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::Done(_) => return Ok(found),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewAddress(address)) => {
                        found.extend(own(&address));
                    }
                    _ => {}
                }
            }
        }
    }
}

fn request(sequence: u32) -> Vec<u8> {
    let mut message = NetlinkMessage::new(
        NetlinkHeader::default(),
        NetlinkPayload::from(RouteNetlinkMessage::GetAddress(AddressMessage::default())),
    );
    message.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    message.header.sequence_number = sequence;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

fn not_understood() -> io::Error {
    io::Error::other("the kernel's list of addresses is not understood")
}

/// Messages begin at multiples of four bytes; none is empty.
fn padded(length: u32) -> usize {
    (length.max(1) as usize).next_multiple_of(4)
}

/// Of a point-to-point interface `Address` is the other end's.
fn own(message: &AddressMessage) -> Option<Ip> {
    let of = |attribute: &AddressAttribute| match attribute {
        AddressAttribute::Local(address) => Some((0, *address)),
        AddressAttribute::Address(address) => Some((1, *address)),
        _ => None,
    };
    let (_, address): (u8, IpAddr) = message.attributes.iter().filter_map(of).min()?;
    Some(address.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Ip {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn the_kernel_is_asked_again_and_again_by_one_socket() {
        let mut addresses = Addresses::open().unwrap();
        for _ in 0..3 {
            let own = addresses.ask().unwrap();
            assert!(!own.contains(&ip("198.51.100.77")));
        }
    }

    #[test]
    fn of_a_point_to_point_interface_the_near_end_is_own() {
        let mut message = AddressMessage::default();
        let far: IpAddr = "192.0.2.2".parse().unwrap();
        message.attributes.push(AddressAttribute::Address(far));
        assert_eq!(own(&message), Some(ip("192.0.2.2")));
        let near = "192.0.2.1".parse().unwrap();
        message.attributes.push(AddressAttribute::Local(near));
        assert_eq!(own(&message), Some(ip("192.0.2.1")));
    }
}
