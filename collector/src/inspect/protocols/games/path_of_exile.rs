//! Path of Exile: a client's login, with its version and the account's name behind its length, on
//! the ports of the login and of the game servers. The vendor publishes no description; the rule
//! rests on the login's layout.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("PathofExile"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORTS: &[u16] = &[6112, 12_995, 20_481];

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_ports(PORTS), "port")?;
    let mut reader = Reader::open(speech.bytes);
    reader.magic(&[0, 3, 0], "login")?;
    reader.take(5, "version")?;
    let length = usize::from(reader.u16("length")?);
    Reader::require((3..=64).contains(&length), "length")?;
    let name = reader.take(length, "name")?;
    Reader::require(name.iter().all(u8::is_ascii_graphic), "name")?;
    reader.take(12, "client")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        6112,
        &[Opener(
            b"\0\x03\0\x37\x75\x60\0\x02\0\x07example\xec\x8f\xec\xf2\0\0\0\x40\0\0\0\x01",
        )],
        "PathofExile",
    )];

    #[test]
    fn a_login_elsewhere_or_without_a_name_is_not_path_of_exile() {
        let login = b"\0\x03\0\x37\x75\x60\0\x02\0\x07example\xec\x8f\xec\xf2\0\0\0\x40\0\0\0\x01";
        assert!(probe(&Speech::stream(40_000, login, false)).is_err());
        let nameless = b"\0\x03\0\x37\x75\x60\0\x02\0\0example\xec\x8f\xec\xf2\0\0\0\x40\0\0\0\x01";
        assert!(probe(&Speech::stream(6112, nameless, false)).is_err());
    }
}
