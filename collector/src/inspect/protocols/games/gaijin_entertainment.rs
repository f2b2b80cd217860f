//! Gaijin Entertainment: what its games count and send to the publisher, in the line format of
//! statsd with tags. The vendor publishes no description; the rule rests on the tags that tell
//! which environment, circuit and application it comes from.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("GaijinEntertainment"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    const LONGEST_LINE: usize = 1024;
    let mut reader = Reader::whole(speech.bytes);
    let line = reader.rest();
    let text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    Reader::require(line.len() <= LONGEST_LINE && line.iter().all(text), "line")?;
    for tag in [&b",env="[..], b",circuit=", b",application="] {
        let holds = line.windows(tag.len()).any(|part| part == tag);
        Reader::require(holds, "tag")?;
    }
    reader.take(line.len(), "line")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        20_011,
        &[Opener(
            b"updater.start,env=production,circuit=wtm-production,application=client,\
            project=warthunder:1|c",
        )],
        "GaijinEntertainment",
    )];

    #[test]
    fn a_line_of_another_source_is_not_gaijin_s() {
        let other = b"updater.start,env=production,application=client:1|c";
        assert!(probe(&Speech::datagram(20_011, other)).is_err());
    }
}
