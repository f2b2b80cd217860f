//! Google's QUIC before the standard: its hello in tags ("QUIC Crypto", Chromium), in clear up to
//! Q046, and in an Initial of Q050.

use crate::inspect::{
    protocols::text::host_name,
    reader::{Fault, Reader},
    registry::Facts,
};

use super::super::hello;

const CLIENT_HELLO: &[u8] = b"CHLO";
/// The public header, the hash and the headers of frames and stream take no more.
const FARTHEST: usize = 64;

/// A packet holds the beginning of a server's rejection: in a frame of stream 1, behind its length.
pub(super) fn is_rejection(packet: &[u8]) -> bool {
    let near = packet.get(..FARTHEST).unwrap_or_default();
    let fits = |window: &[u8]| matches!(window, [0x80..=0xff, 1, _, _, b'R', b'E', b'J', 0]);
    near.windows(8).any(fits)
}

/// The hello in a packet that is not encrypted.
pub(super) fn in_clear(packet: &[u8]) -> Option<Facts> {
    let near = packet.get(..FARTHEST)?;
    let is_hello = |window: &[u8]| window == CLIENT_HELLO;
    let start = near.windows(CLIENT_HELLO.len()).position(is_hello)?;
    facts(packet.get(start..)?)
}

/// The facts in a client's hello: as much of it as is here.
pub(super) fn facts(message: &[u8]) -> Option<Facts> {
    let mut facts = Facts::default();
    read(message, &mut facts).ok()?;
    Some(facts)
}

/// The tags and where their values end, then the values.
fn read(message: &[u8], facts: &mut Facts) -> Result<(), Fault> {
    let mut tags = Reader::open(message);
    tags.magic(CLIENT_HELLO, "message tag")?;
    let count = usize::from(tags.u16_le("number of tags")?);
    tags.u16("padding")?;
    let table = tags.take(count * 8, "tags")?;
    let mut tags = Reader::whole(table);
    let values = message.get(8 + table.len()..).unwrap_or_default();
    let mut start = 0;
    for _ in 0..count {
        let tag = tags.take(4, "tag")?;
        let end = usize::try_from(tags.u32_le("end")?).unwrap_or(usize::MAX);
        let value = values.get(start..end).unwrap_or_default();
        start = end;
        match tag {
            b"SNI\0" => facts.server_name = host_name(value),
            b"UAID" => facts.user_agent = hello::text(value),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::Sensitive;

    const HELLO: &[u8] = b"CHLO\x03\0\0\0PAD\0\x02\0\0\0SNI\0\x0d\0\0\0UAID\x12\0\0\0--\
        example.orgagent";

    #[test]
    fn the_tags_give_name_and_user_agent() {
        let facts = facts(HELLO).unwrap();
        assert_eq!(
            facts.server_name.as_ref().map(Sensitive::reveal),
            Some("example.org")
        );
        assert_eq!(
            facts.user_agent.as_ref().map(Sensitive::reveal),
            Some("agent")
        );
    }

    #[test]
    fn values_that_are_not_here_are_left_out() {
        let cut = facts(&HELLO[..HELLO.len() - 5]).unwrap();
        assert!(cut.server_name.is_some() && cut.user_agent.is_none());
        assert!(facts(&HELLO[..20]).is_none());
        assert!(facts(b"REJ\0\0\0\0\0").is_none());
    }
}
