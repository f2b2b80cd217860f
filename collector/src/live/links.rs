//! What the kernel says of interfaces and filters, by one rtnetlink socket that stays open: it
//! belongs to the network namespace in which it was opened (sysfs would not), and to ask takes no
//! right. Questions are repeated rather than notices awaited, which may be lost.

use std::io;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{LinkAttribute, LinkMessage},
    tc::{TcHandle, TcMessage},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

/// A filter on clsact.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter {
    /// Of which interface.
    pub index: u32,
    /// `TC_H_MAKE(TC_H_CLSACT, …)` of its way (include/uapi/linux/pkt_sched.h).
    pub parent: u32,
    /// Among filters of this way.
    pub priority: u16,
    /// Among filters of this priority.
    pub handle: u32,
}

/// A way to ask.
pub(super) struct Links {
    socket: Socket,
    sequence: u32,
}

impl Links {
    /// Opens the way, in the network namespace of the calling thread.
    ///
    /// # Errors
    /// The kernel refuses a netlink socket.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    /// The interface that is called `name`; `None`: there is none.
    ///
    /// # Errors
    /// The kernel refuses, or its answer is not understood.
    pub(super) fn named(&mut self, name: &str) -> io::Result<Option<LinkMessage>> {
        let mut message = LinkMessage::default();
        let name = LinkAttribute::IfName(name.to_owned());
        message.attributes.push(name);
        self.link(message)
    }

    /// The interface of number `index`; `None`: there is none.
    ///
    /// # Errors
    /// As [`Links::named`].
    pub(super) fn numbered(&mut self, index: u32) -> io::Result<Option<LinkMessage>> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        self.link(message)
    }

    /// Whether the filter is there.
    ///
    /// # Errors
    /// As [`Links::named`].
    pub(super) fn has(&mut self, filter: &Filter) -> io::Result<bool> {
        let mut message = TcMessage::with_index(filter.index.cast_signed());
        message.header.parent = TcHandle::from(filter.parent);
        message.header.handle = TcHandle::from(filter.handle);
        let protocol = u16::to_be(libc::ETH_P_ALL as u16);
        message.header.info = u32::from(filter.priority) << 16 | u32::from(protocol);
        match self.ask(RouteNetlinkMessage::GetTrafficFilter(message)) {
            Ok(answer) => Ok(matches!(
                answer,
                Some(RouteNetlinkMessage::NewTrafficFilter(_))
            )),
            // No such filter, no clsact, no interface (cls_api.c: tc_get_tfilter).
            Err(error) => match error.raw_os_error() {
                Some(libc::ENOENT | libc::EINVAL | libc::ENODEV) => Ok(false),
                _ => Err(error),
            },
        }
    }

    fn link(&mut self, message: LinkMessage) -> io::Result<Option<LinkMessage>> {
        match self.ask(RouteNetlinkMessage::GetLink(message)) {
            Ok(Some(RouteNetlinkMessage::NewLink(link))) => Ok(Some(link)),
            Ok(_) => Err(not_understood()),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The answer; `None` where it is neither a message nor an error.
    fn ask(&mut self, question: RouteNetlinkMessage) -> io::Result<Option<RouteNetlinkMessage>> {
        self.sequence = self.sequence.wrapping_add(1);
        self.socket.send(&packed(question, self.sequence), 0)?;
        let mut answer = None;
        loop {
            let (bytes, _) = self.socket.recv_from_full()?;
            let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&bytes)
                .map_err(|_| not_understood())?;
            // What an earlier question left.
            if message.header.sequence_number != self.sequence {
                continue;
            }
            match message.payload {
                NetlinkPayload::InnerMessage(message) => answer = Some(message),
                // Without a code it says that the answer is complete.
                NetlinkPayload::Error(error) if error.code.is_none() => return Ok(answer),
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                _ => return Ok(answer),
            }
        }
    }
}

fn packed(question: RouteNetlinkMessage, sequence: u32) -> Vec<u8> {
    let payload = NetlinkPayload::from(question);
    let mut packet = NetlinkMessage::new(NetlinkHeader::default(), payload);
    // Each answer ends with an acknowledgement, so that none is left for the next question.
    packet.header.flags = NLM_F_REQUEST | NLM_F_ACK;
    packet.header.sequence_number = sequence;
    packet.finalize();
    let mut bytes = vec![0; packet.buffer_len()];
    packet.serialize(&mut bytes);
    bytes
}

fn not_understood() -> io::Error {
    io::Error::other("the kernel's answer is not understood")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_socket_answers_by_name_and_by_number_again_and_again() {
        let mut links = Links::open().unwrap();
        for _ in 0..3 {
            let loopback = links.named("lo").unwrap().unwrap();
            let same = links.numbered(loopback.header.index).unwrap().unwrap();
            assert_eq!(same.header.index, loopback.header.index);
            assert!(links.named("not-an-interface").unwrap().is_none());
            assert!(links.numbered(0x7fff_fff0).unwrap().is_none());
        }
    }

    #[test]
    fn a_filter_that_is_not_there_is_an_answer() {
        let mut links = Links::open().unwrap();
        let index = links.named("lo").unwrap().unwrap().header.index;
        let filter = Filter {
            index,
            parent: 0xffff_fff2,
            priority: 1,
            handle: 0x7fff,
        };
        assert!(!links.has(&filter).unwrap());
    }
}
