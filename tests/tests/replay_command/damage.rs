//! Captures that can't be read to their end.

use anyhow::Result;
use collector_tests::trace::Limit;
use serde_json::Value;

use crate::{
    made::{Made, mix, small_mix},
    place::Place,
};

fn packets(lines: &[Value]) -> u64 {
    lines
        .iter()
        .filter_map(|line| line["packets"].as_u64())
        .sum()
}

#[test]
fn of_a_cut_capture_what_is_before_the_cut_is_written_and_the_next_capture_is_read() -> Result<()> {
    let (place, made) = (Place::new()?, small_mix()?);
    let offset = made.offsets()?.pop().expect("a packet");
    place.write("cut.pcap", &made.capture[..made.capture.len() - 1])?;
    let place_of_damage = format!("byte {offset};");
    let words = ["cut.pcap", &place_of_damage, "ends inside a packet"];
    let played = place.replay("cut.pcap --out out --privacy off")?;
    played.assert_damaged(&words);
    assert_eq!(played.number("/damaged"), 1);
    assert_eq!(packets(&place.lines("out")?), made.totals.packets - 1);

    let next = Made::of(&mix(Limit::Flows(50), 8))?;
    place.write("next.pcap", &next.capture)?;
    let played = place.replay("cut.pcap next.pcap --out both --privacy off")?;
    played.assert_damaged(&words);
    assert_eq!(played.number("/difference"), 0);
    let both = made.totals.packets - 1 + next.totals.packets;
    assert_eq!(packets(&place.lines("both")?), both);
    Ok(())
}

#[test]
fn wherever_a_capture_is_cut_the_packets_before_are_in_protected_sums_too() -> Result<()> {
    let (place, made) = (Place::new()?, Made::of(&mix(Limit::Packets(40), 7))?);
    let offsets = made.offsets()?;
    // In the file's header, in a packet's header, in its bytes.
    for (cut, whole) in [(10, 0), (offsets[7] + 3, 7), (offsets[30] + 20, 30)] {
        place.write("cut.pcap", &made.capture[..cut])?;
        let out = format!("out{cut}");
        let played = place.replay(&format!("cut.pcap --out {out}"))?;
        played.assert_damaged(&["cut.pcap", "byte "]);
        assert_eq!(played.number("/written/packets"), whole);
        let lines = place.lines(&out)?;
        let sums = lines.iter().filter(|line| line["type"] == "statistics");
        let sums = sums.filter_map(|line| line["all"]["packets"].as_u64());
        assert_eq!(sums.sum::<u64>(), whole);
    }
    Ok(())
}

#[test]
fn a_file_that_is_empty_or_no_capture_is_named_and_the_others_are_read() -> Result<()> {
    let (place, made) = (Place::new()?, small_mix()?);
    place.write("good.pcap", &made.capture)?;
    place.write("empty.pcap", b"")?;
    place.write("text.pcap", b"These are my captures of last week.\n")?;
    for (name, words) in [
        ("empty.pcap", ["is empty", "being written"]),
        ("text.pcap", ["is no capture", "editcap"]),
    ] {
        let line = format!("{name} good.pcap --out of-{name} --privacy off");
        let played = place.replay(&line)?;
        played.assert_damaged(&[
            name,
            words[0],
            words[1],
            "could not be read to their end: 1",
        ]);
        assert_eq!(played.number("/written/packets"), made.totals.packets);
    }
    Ok(())
}
