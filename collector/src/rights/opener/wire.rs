//! Messages between agent and opener: a packet each, over a pair of sockets.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// Longest message: a kind and the longest path that Linux takes.
const LONGEST: usize = 1 + libc::PATH_MAX as usize;
/// Of an answer: the path is on no list. No error of the system has this number.
pub(super) const REFUSED: i32 = i32::MAX;
/// Room for one descriptor.
const ANCILLARY: usize = rustix::cmsg_space!(ScmRights(1));

pub(super) fn send(socket: &impl AsFd, message: &[u8]) -> io::Result<()> {
    rustix::net::send(socket, message, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// # Errors
/// A message that is longer than any is; nobody is at the other end.
pub(super) fn receive(socket: &impl AsFd) -> io::Result<Vec<u8>> {
    let mut buffer = [0; LONGEST + 1];
    let (length, _) = rustix::io::retry_on_intr(|| {
        rustix::net::recv(socket, &mut buffer[..], RecvFlags::empty())
    })?;
    match buffer.get(..length) {
        Some(message) if length <= LONGEST => Ok(message.to_vec()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// A descriptor, or an error's number.
pub(super) fn send_answer(socket: &impl AsFd, answer: Result<OwnedFd, i32>) -> io::Result<()> {
    let mut room = [MaybeUninit::uninit(); ANCILLARY];
    let mut ancillary = SendAncillaryBuffer::new(&mut room);
    let number = answer.as_ref().err().copied().unwrap_or(0).to_ne_bytes();
    let opened = answer.as_ref().ok().map(AsFd::as_fd);
    let opened = opened.as_slice();
    if !opened.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(opened)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(
        socket,
        &[IoSlice::new(&number)],
        &mut ancillary,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

/// # Errors
/// Nobody is at the other end, or it does not keep to the form.
pub(super) fn receive_answer(socket: &impl AsFd) -> io::Result<Result<OwnedFd, i32>> {
    let mut room = [MaybeUninit::uninit(); ANCILLARY];
    let mut ancillary = RecvAncillaryBuffer::new(&mut room);
    let mut number = [0; 4];
    let mut parts = [IoSliceMut::new(&mut number)];
    let received = rustix::io::retry_on_intr(|| {
        recvmsg(socket, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)
    })?;
    if received.bytes != number.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let opened = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    match (i32::from_ne_bytes(number), opened) {
        (0, Some(opened)) => Ok(Ok(opened)),
        (0, None) => Err(io::ErrorKind::InvalidData.into()),
        (number, _) => Ok(Err(number)),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Read, os::unix::net::UnixDatagram};

    use super::*;

    #[test]
    fn a_descriptor_and_an_error_come_as_they_were_sent() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        let file = File::open("/dev/zero").unwrap();
        send_answer(&theirs, Ok(file.into())).unwrap();
        let mut byte = [1];
        let opened = receive_answer(&ours).unwrap().unwrap();
        File::from(opened).read_exact(&mut byte).unwrap();
        assert_eq!(byte, [0]);
        send_answer(&theirs, Err(REFUSED)).unwrap();
        assert_eq!(receive_answer(&ours).unwrap().unwrap_err(), REFUSED);
        send(&theirs, &[0; 4]).unwrap();
        assert!(receive_answer(&ours).is_err(), "no error and no descriptor");
    }

    #[test]
    fn a_message_longer_than_any_path_is_no_message() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        send(&theirs, &[7; LONGEST]).unwrap();
        assert_eq!(receive(&ours).unwrap().len(), LONGEST);
        send(&theirs, &[7; LONGEST + 1]).unwrap();
        assert!(receive(&ours).is_err());
    }
}
