//! Genshin Impact: the twenty bytes with which its connections over KCP are opened, granted and
//! closed. The vendor publishes no description; the rule rests on the magic numbers at the
//! beginning and the end of them.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("GenshinImpact"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    let opens = match reader.u32("beginning")? {
        0x0000_00ff => 0xffff_ffff,
        0x0000_0145 => 0x1451_4545,
        0x0000_0194 => 0x1941_9494,
        _ => return Err(Fault::Wrong("beginning")),
    };
    reader.u64("connection")?;
    reader.u32("data")?;
    Reader::require(reader.u32("end")? == opens, "end")?;
    reader.end("length")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        22_102,
        &[
            Opener(b"\0\0\0\xff\0\0\0\0\0\0\0\0\x49\x96\x02\xd2\xff\xff\xff\xff"),
            Responder(b"\0\0\x01\x45\0\0\0\x01\x5d\x11\x9a\x7c\x49\x96\x02\xd2\x14\x51\x45\x45"),
        ],
        "GenshinImpact",
    )];

    #[test]
    fn beginning_and_end_belong_together() {
        let other = b"\0\0\0\xff\0\0\0\0\0\0\0\0\x49\x96\x02\xd2\x14\x51\x45\x45";
        assert!(probe(&Speech::datagram(22_102, other)).is_err());
    }
}
