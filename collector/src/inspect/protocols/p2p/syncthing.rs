//! Syncthing where TLS does not hide it: the local discovery over UDP and the session through a
//! relay over TCP (Syncthing's specifications "Local Discovery Protocol v4" and "Relay Protocol
//! v1"). The first versions of discovery had another magic number.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Syncthing"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Ping to session invitation and full relay.
const LAST_KIND: u32 = 7;
const LONGEST: u32 = 4096;

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.transport {
        Transport::Tcp => {
            let mut reader = Reader::open(speech.bytes);
            reader.magic(b"\x9e\x79\xbc\x40", "magic number")?;
            Reader::require(reader.u32("kind")? <= LAST_KIND, "kind")?;
            Reader::require(reader.u32("length")? <= LONGEST, "length")?;
        }
        Transport::Udp => {
            let known = [
                b"\x2e\xa7\xd9\x0b",
                b"\x9d\x79\xbc\x39",
                b"\x9d\x79\xbc\x40",
            ];
            let named = known.iter().any(|magic| speech.bytes.starts_with(*magic));
            Reader::require(named && speech.bytes.len() > 4, "magic number")?;
        }
    }
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            21_027,
            &[Opener(
                b"\x2e\xa7\xd9\x0b\x0a\x20abcdefghijklmnopqrstuvwxyz012345\x12\x13\
                tcp://0.0.0.0:22000",
            )],
            "Syncthing",
        ),
        Talk::tcp(
            22_067,
            &[
                Opener(b"\x9e\x79\xbc\x40\0\0\0\x03\0\0\0\x08\0\0\0\x04key1"),
                Responder(b"\x9e\x79\xbc\x40\0\0\0\x04\0\0\0\x0c\0\0\0\0\0\0\0\x02ok\0\0"),
            ],
            "Syncthing",
        ),
    ];

    #[test]
    fn a_relay_s_message_is_of_a_known_kind_and_not_long() {
        let judged = |bytes| probe(&Speech::stream(22_067, bytes, false)).is_ok();
        assert!(judged(b"\x9e\x79\xbc\x40\0\0\0\0\0\0\0\0"));
        assert!(!judged(b"\x9e\x79\xbc\x40\0\0\0\x08\0\0\0\0"));
        assert!(!judged(b"\x9e\x79\xbc\x40\0\0\0\x01\0\x01\0\0"));
    }
}
