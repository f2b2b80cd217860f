//! Xiaomi's push service (MiPush): frames around messages in protocol buffers. The vendor publishes
//! no description; the rule rests on the magic number, version and length of a frame. The client's
//! first one names the device, as a user agent would.

use crate::inspect::{
    Label, Sensitive,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Xiaomi"),
    transports: &[Transport::Tcp],
    both_sides: true,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    const LONGEST: u32 = 1 << 16;
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"\xc2\xfe\0\x05", "magic")?;
    let length = reader.u32("length")?;
    Reader::require((8..LONGEST).contains(&length), "length")?;
    let mut finding = Finding::default();
    match device(&mut reader) {
        Ok(name) => finding.facts.user_agent = Some(Sensitive::new(String::from_utf8_lossy(name))),
        Err(Fault::Short(_)) => finding.more = true,
        Err(Fault::Wrong(_)) => {}
    }
    Ok(finding)
}

/// The device's name: field 2 of a message to connect, whose field 1 is the protocol's version.
fn device<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Fault> {
    const VERSION: u8 = 1 << 3;
    const DEVICE: u8 = 2 << 3 | 2;
    reader.magic(&[0, 2], "kind")?;
    let header = usize::from(reader.u16("length of header")?);
    reader.u32("length of message")?;
    reader.take(header, "header")?;
    reader.magic(&[VERSION], "version")?;
    let version = reader.u8("version")?;
    Reader::require(version < 0x80, "version")?;
    reader.magic(&[DEVICE], "device")?;
    let length = usize::from(reader.u8("device")?);
    Reader::require((1..0x80).contains(&length), "device")?;
    reader.take(length, "device")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        5222,
        &[
            Opener(
                b"\xc2\xfe\0\x05\0\0\0\x2c\0\x02\0\x16\0\0\0\x0e\x08\0\x1a\x0axiaomi.com\
                \x2a\x04CONNH\0\x08j\x12\x0aRedmi Note\x50\x1e\x6e\x3b",
            ),
            Responder(
                b"\xc2\xfe\0\x05\0\0\0\x1e\0\x02\0\x16\0\0\0\x02\x08\0\x1a\x0axiaomi.com\
                \x2a\x04CONNH\0\x0a\0\x7b\xf6\x0b\x49",
            ),
        ],
        "Xiaomi",
    )];

    #[test]
    fn the_client_names_its_device() {
        let agent = TALKS[0].inspect().user_agent;
        assert_eq!(agent.unwrap().reveal(), "Redmi Note");
    }

    #[test]
    fn another_version_or_an_absurd_length_is_not_xiaomi_s() {
        assert!(probe(&Speech::stream(5222, b"\xc2\xfe\0\x06\0\0\0\x2c", false)).is_err());
        assert!(probe(&Speech::stream(5222, b"\xc2\xfe\0\x05\x7f\0\0\x2c", false)).is_err());
    }
}
