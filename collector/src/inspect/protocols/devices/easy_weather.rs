//! Weather stations of Fine Offset (EasyWeather, Ecowitt): commands between two bytes of ones and a
//! sum of all bytes between (Ecowitt, "Data exchange API").

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("EasyWeather"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    reader.magic(&[0xff, 0xff], "header")?;
    let body = reader.rest();
    let command = reader.u8("command")?;
    Reader::require((0x0a..=0x60).contains(&command), "command")?;
    let first = reader.u8("size")?;
    // Answers to a search and readings have a size of two bytes.
    let wide = matches!(command, 0x12 | 0x27 | 0x57) && first != 3;
    let size = if wide {
        usize::from(first) << 8 | usize::from(reader.u8("size")?)
    } else {
        usize::from(first)
    };
    Reader::require((3..=1024).contains(&size), "size")?;
    let said = Reader::bounded(body, size).take(size - 1, "message")?;
    let sum = said.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    Reader::require(body.get(size - 1).is_none_or(|last| *last == sum), "sum")?;
    if body.len() < size {
        return Err(reader.short("sum"));
    }
    let whole = speech.transport == Transport::Tcp || body.len() == size;
    Reader::require(whole, "size")?;
    // A command alone is four bytes: any sum of two numbers would do elsewhere.
    let long = size > 8 || speech.on_ports(&[45_000, 46_000, 59_387]);
    Reader::require(long, "port")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(46_000, &[Opener(b"\xff\xff\x12\x03\x15")], "EasyWeather"),
        Talk::udp(
            59_387,
            &[Opener(
                b"\xff\xff\x12\0\x0b\x48\x3f\xda\x54\x14\xec\x01\xd3",
            )],
            "EasyWeather",
        ),
        Talk::tcp(45_000, &[Opener(b"\xff\xff\x50\x03\x53")], "EasyWeather"),
    ];

    #[test]
    fn a_wrong_sum_is_not_a_weather_station() {
        assert!(probe(&Speech::datagram(46_000, b"\xff\xff\x12\x03\x16")).is_err());
        assert!(probe(&Speech::datagram(40_000, b"\xff\xff\x12\x03\x15")).is_err());
    }

    #[test]
    fn a_datagram_holds_one_message() {
        assert!(probe(&Speech::datagram(46_000, b"\xff\xff\x12\x03\x15")).is_ok());
        assert!(probe(&Speech::datagram(46_000, b"\xff\xff\x12\x03\x15x")).is_err());
    }
}
