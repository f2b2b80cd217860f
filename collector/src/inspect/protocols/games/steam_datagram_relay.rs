//! Steam Datagram Relay: a client's pings of the relays, each a message in protocol buffers behind
//! its number and length, padded with zeros so that no answer is longer than the question (Valve's
//! GameNetworkingSockets).

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("SteamDatagramRelay"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const SHORTEST: usize = 512;

fn probe(speech: &Speech<'_>) -> Verdict {
    const PING: u8 = 1;
    /// The client's time: field 1, four bytes.
    const TIME: u8 = 0x0d;
    let mut reader = Reader::whole(speech.bytes);
    Reader::require(speech.bytes.len() >= SHORTEST, "padding")?;
    reader.magic(&[PING], "message")?;
    let length = usize::from(reader.u16_le("length")?);
    let message = reader.take(length, "message")?;
    Reader::require(message.first() == Some(&TIME), "time")?;
    let padding = reader.rest();
    let padded = padding.len() >= SHORTEST / 4 && padding.iter().all(|&byte| byte == 0);
    Reader::require(padded, "padding")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(27_020, &[Opener(&PING)], "SteamDatagramRelay")];

    const PING: [u8; 512] = {
        let mut ping = [0; 512];
        ping[0] = 1;
        ping[1] = 7;
        ping[3] = 0x0d;
        ping[8] = 0x10;
        ping
    };

    #[test]
    fn a_ping_is_padded_with_zeros() {
        let mut other = PING;
        other[400] = 1;
        assert!(probe(&Speech::datagram(27_020, &other)).is_err());
        assert!(probe(&Speech::datagram(27_020, &PING[..200])).is_err());
    }
}
