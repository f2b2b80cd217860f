//! More than there is room for.

use std::{
    env,
    fs::{self, File},
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use collector_tests::trace::{Limit, Outputs};
use serde_json::Value;

use crate::{
    made::{flood, mix},
    place::Place,
};

#[test]
fn a_syn_flood_larger_than_the_table_loses_nothing_and_is_told() -> Result<()> {
    const TABLE: u64 = 1024;
    let (place, made) = (Place::new()?, flood(10 * TABLE)?);
    place.write("flood.pcap", &made.capture)?;
    for level in ["off", "coarse"] {
        let line = format!("flood.pcap --table-size {TABLE} --privacy {level} --out {level}");
        let played = place.replay(&line)?;
        played.assert_whole();
        assert_eq!(played.number("/written/packets"), made.totals.packets);
        assert_eq!(played.number("/written/bytes"), made.totals.bytes);
        assert_eq!(played.number("/overflow_packets"), 9 * TABLE);
    }
    let lines = place.lines("off")?;
    let packets = lines.iter().filter_map(|line| line["packets"].as_u64());
    assert_eq!(packets.sum::<u64>(), made.totals.packets);
    Ok(())
}

/// Largest memory so far, bytes; `None` behind its end.
fn peak(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib << 10)
}

/// Streams a mix of so many bytes into the program; gives its peak memory after a third and at its
/// end, bytes.
fn peaks(bytes: u64, flags: &str) -> Result<[u64; 2]> {
    let place = Place::new()?;
    let mut command = place.command(&format!("replay --json - --out out {flags}"));
    command.stdin(Stdio::piped()).stderr(Stdio::null());
    let mut child = command
        .stdout(File::create(place.path("summary"))?)
        .spawn()?;
    let mut input = child.stdin.take().context("a pipe")?;
    let mut after_third = None;
    let totals = mix(Limit::Bytes(bytes), 7).write(Outputs {
        capture: &mut input,
        truth: None,
        progress: &mut |totals| {
            if after_third.is_none() && totals.bytes > bytes / 3 {
                after_third = peak(&child);
            }
        },
    })?;
    drop(input);
    let mut last = 0;
    while child.try_wait()?.is_none() {
        last = last.max(peak(&child).unwrap_or_default());
        thread::sleep(Duration::from_millis(1));
    }
    let summary: Value = serde_json::from_slice(&fs::read(place.path("summary"))?)?;
    assert_eq!(summary["written"]["packets"], totals.packets);
    Ok([after_third.context("a long stream")?, last])
}

/// Bytes of a stream: many times what the program holds of it; 10 GB with `COLLECTOR_FULL=1`.
fn length() -> u64 {
    let full = env::var("COLLECTOR_FULL").is_ok_and(|value| value == "1");
    if full { 10_000_000_000 } else { 130_000_000 }
}

#[test]
fn memory_does_not_grow_with_the_length_of_a_stream() -> Result<()> {
    // Protected files are held in memory when they are closed: here a short stream has many.
    for flags in ["--rotate-after 10", "--privacy off"] {
        let [third, whole] = peaks(length(), flags)?;
        println!("{flags}: {third} bytes after a third, {whole} at the end");
        assert!(whole * 10 <= third * 13, "{flags}: {third}, then {whole}");
    }
    Ok(())
}

/// Peak memory with default flags, bytes. Most is needed when a file with 16 MiB of text is closed:
/// 10 GB of a mix took 100 MB.
const BOUND: u64 = 256 << 20;

#[test]
fn memory_has_a_bound_whatever_the_length_of_the_files() -> Result<()> {
    let [_, whole] = peaks(length(), "")?;
    println!("{whole} bytes");
    assert!(whole <= BOUND, "{whole}");
    Ok(())
}
