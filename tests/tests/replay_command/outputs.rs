//! What is in the files, whatever way a capture came in.

use std::{collections::BTreeMap, io::Write};

use anyhow::Result;
use collector_common::schema::JSON_SCHEMA;
use flate2::{Compression, write::GzEncoder};
use serde_json::Value;

use crate::{made::small_mix, place::Place};

/// Transport, ports without their order, packets, bytes.
fn counted<'a>(flows: impl IntoIterator<Item = &'a Value>, transport: &str) -> Vec<String> {
    let mut all: Vec<String> = flows
        .into_iter()
        .map(|flow| {
            let mut ports = [&flow["src_port"], &flow["dst_port"]].map(Value::as_u64);
            ports.sort_unstable();
            let (packets, bytes) = (&flow["packets"], &flow["bytes"]);
            format!("{} {ports:?} {packets} {bytes}", flow[transport])
        })
        .collect();
    all.sort_unstable();
    all
}

#[test]
fn the_flows_of_a_generated_mix_are_exactly_the_true_ones() -> Result<()> {
    let (place, made) = (Place::new()?, small_mix()?);
    place.write("mix.pcap", &made.capture)?;
    let played = place.replay("mix.pcap --out out --privacy off")?;
    played.assert_whole();
    let lines = place.lines("out")?;
    assert_eq!(counted(&lines, "proto"), counted(&made.truth, "l4"));
    for sum in ["seen", "written"] {
        let number = |what| played.number(&format!("/{sum}/{what}"));
        let told = (number("packets"), number("bytes"));
        assert_eq!(told, (made.totals.packets, made.totals.bytes), "{sum}");
    }
    assert_eq!(played.number("/records"), made.totals.flows);
    Ok(())
}

#[test]
fn any_number_of_workers_writes_the_same_and_twice_the_same() -> Result<()> {
    let place = Place::new()?;
    place.write("mix.pcap", &small_mix()?.capture)?;
    let runs = ["1", "2", "5", "5"].iter().enumerate();
    let mut outputs = Vec::new();
    for (run, workers) in runs {
        let line = format!("mix.pcap --workers {workers} --out");
        place.replay(&format!("{line} off{run} --privacy off"))?;
        place.replay(&format!("{line} coarse{run} --rotate-after 4"))?;
        let unprotected = place.files(&format!("off{run}"))?;
        outputs.push((unprotected, place.texts(&format!("coarse{run}"))?));
    }
    assert!(outputs[0].0.len() == 1 && outputs[0].1.len() > 1);
    for output in &outputs {
        // Not assert_eq: nobody reads two files of flows in a failure.
        assert!(*output == outputs[0]);
    }
    Ok(())
}

#[test]
fn files_are_closed_by_the_time_of_packets() -> Result<()> {
    let (place, made) = (Place::new()?, small_mix()?);
    place.write("mix.pcap", &made.capture)?;
    place.replay("mix.pcap --out one")?.assert_whole();
    let played = place.replay("mix.pcap --out many --rotate-after 4")?;
    played.assert_whole();
    let of_flows = |folder: &str| -> Result<BTreeMap<String, String>> {
        let mut texts = place.texts(folder)?;
        texts.retain(|name, _| name.starts_with("flows-"));
        Ok(texts)
    };
    let (one, many) = (of_flows("one")?, of_flows("many")?);
    let seconds = made.totals.nanoseconds / 1_000_000_000;
    assert_eq!(one.len(), 1);
    // The last one has what time did not close.
    assert!((2..=seconds / 4 + 1).contains(&(many.len() as u64)));
    let flows = |texts: BTreeMap<String, String>| {
        let lines = texts.into_values().collect::<String>();
        let flows = lines
            .lines()
            .filter(|line| line.contains(r#""type":"flow""#));
        let mut flows: Vec<String> = flows.map(str::to_owned).collect();
        flows.sort_unstable();
        flows
    };
    assert!(flows(one) == flows(many));
    Ok(())
}

#[test]
fn a_compressed_file_and_standard_input_give_what_the_plain_file_gives() -> Result<()> {
    let (place, made) = (Place::new()?, small_mix()?);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&made.capture)?;
    place.write("mix.pcap", &made.capture)?;
    place.write("mix.gz", &gzip.finish()?)?;
    place.write("mix.zst", &zstd::encode_all(&made.capture[..], 1)?)?;
    for name in ["mix.pcap", "mix.gz", "mix.zst"] {
        let played = place.replay(&format!("{name} --out of-{name} --privacy off"))?;
        played.assert_whole();
    }
    let played = place.replay_bytes("- --out of-stdin --privacy off", &made.capture)?;
    played.assert_whole();
    let plain = place.files("of-mix.pcap")?;
    for other in ["of-mix.gz", "of-mix.zst", "of-stdin"] {
        assert!(place.files(other)? == plain, "{other}");
    }
    Ok(())
}

#[test]
fn several_captures_and_a_folder_are_one_stream_in_the_order_of_names() -> Result<()> {
    let (place, made) = (Place::new()?, small_mix()?);
    let [first, second] = made.halves()?;
    place.write("whole.pcap", &made.capture)?;
    // The one that is read later is made earlier.
    place.write("parts/b.pcap", &second)?;
    place.write("parts/a.pcap", &first)?;
    place.write("parts/.c.pcap", &second)?;
    place.write("parts/notes.txt", b"these are my captures")?;
    for (out, captures) in [
        ("whole", "whole.pcap"),
        ("named", "parts/a.pcap parts/b.pcap"),
        ("folder", "parts"),
    ] {
        let played = place.replay(&format!("{captures} --out {out} --privacy off"))?;
        played.assert_whole();
        assert_eq!(played.number("/out_of_order/packets"), 0, "{out}");
        assert_eq!(played.said.contains("notes.txt"), out == "folder");
    }
    let whole = place.files("whole")?;
    assert!(place.files("named")? == whole);
    assert!(place.files("folder")? == whole);
    Ok(())
}

#[test]
fn each_capture_has_its_own_file_that_says_what_it_says_alone() -> Result<()> {
    let (place, made) = (Place::new()?, small_mix()?);
    let [first, second] = made.halves()?;
    place.write("parts/a.pcap", &first)?;
    place.write("parts/b.pcap", &second)?;
    for level in ["off", "coarse"] {
        let run = |rest: &str| place.replay(&format!("{rest} --privacy {level}"));
        let played = run(&format!("parts --each --out {level}"))?;
        played.assert_whole();
        assert_eq!(played.number("/seen/packets"), made.totals.packets);
        let texts = place.texts(level)?;
        let names: Vec<_> = texts.keys().collect();
        assert_eq!(names, ["a.pcap.ndjson.zst", "b.pcap.ndjson.zst"]);
        for name in ["a", "b"] {
            let alone = format!("{level}-{name}");
            run(&format!("parts/{name}.pcap --out {alone}"))?;
            // Flows before days.
            let alone: String = place.texts(&alone)?.into_values().rev().collect();
            assert!(alone == texts[&format!("{name}.pcap.ndjson.zst")]);
        }
    }
    fits_the_schema(&place.lines("coarse")?)
}

fn fits_the_schema(lines: &[Value]) -> Result<()> {
    let validator = jsonschema::validator_for(&serde_json::from_str(JSON_SCHEMA)?)?;
    for line in lines {
        assert!(validator.is_valid(line), "{line}");
    }
    for kind in ["header", "flow", "failed", "statistics"] {
        assert!(lines.iter().any(|line| line["type"] == kind), "no {kind}");
    }
    Ok(())
}
