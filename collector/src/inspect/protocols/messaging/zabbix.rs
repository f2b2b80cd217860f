//! Zabbix by the header of its agents and servers (Zabbix Manual, "Header", appendix on protocols):
//! magic, flags, lengths.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Zabbix"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"ZBXD", "magic")?;
    // Zabbix's protocol always, compressed, large.
    let flags = reader.u8("flags")?;
    Reader::require(flags & 1 == 1 && flags <= 7, "flags")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{
        reader::Fault,
        tests::{
            Talk,
            Turn::{Opener, Responder},
        },
    };

    /// A server asks an agent for the number of processes.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        10_050,
        &[
            Opener(b"ZBXD\x01\x0a\0\0\0\0\0\0\0proc.num[]"),
            Responder(b"ZBXD\x01\x03\0\0\0\0\0\0\x00263"),
        ],
        "Zabbix",
    )];

    #[test]
    fn flags_without_the_protocol_s_own_are_not_zabbix() {
        for bytes in [b"ZBXD\x02", b"ZBXD\x09"] {
            let judged = probe(&Speech::stream(10_050, bytes, false));
            assert_eq!(judged.unwrap_err(), Fault::Wrong("flags"));
        }
    }
}
