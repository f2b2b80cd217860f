//! What a user gets wrong is told before anything is written.

use anyhow::Result;
use collector_tests::binary::assert_fails;

use crate::{made::small_mix, place::Place};

/// Wrong usage.
const USAGE: i32 = 2;

#[test]
fn wrong_usage_is_told_with_what_to_do_and_writes_nothing() -> Result<()> {
    let place = Place::new()?;
    let capture = small_mix()?.capture;
    place.write("a/mix.pcap", &capture)?;
    place.write("b/mix.pcap", &capture)?;
    place.write("none/notes.txt", b"no capture")?;
    let cases: [(&str, &[&str]); 16] = [
        ("a/mix.pcap", &["--out DIR"]),
        ("nosuch.pcap --out out", &["nosuch.pcap", "check the path"]),
        ("none --out out", &["no capture"]),
        ("a b --each --out out", &["mix.pcap", "without --each"]),
        ("a - - --each --out out", &["stdin", "without --each"]),
        ("a --workers 0 --out out", &["--workers", "1..=64"]),
        ("a --host 192.0.2.1:22 --out out", &["--host", "no ports"]),
        ("a --host relay --out out", &["--host", "IP address"]),
        ("a --exclude relay --out out", &["--exclude", "IP address"]),
        ("a --privacy none --out out", &["--privacy", "none"]),
        ("a --table-size 7 --out out", &["--table-size", "16"]),
        ("a --iface eth0 --out out", &["--iface"]),
        ("a --torrc none/torrc --out out", &["--torrc", "none/torrc"]),
        (
            "a --consensus none/notes.txt --out out",
            &["--consensus", "notes.txt", "no relay"],
        ),
        (
            "a --torrc a/mix.pcap --data-dir none --leg-rule middle:tcp --out out",
            &["--leg-rule", "exit, or, dir"],
        ),
        (
            "a --leg-rule or:tcp,peer=relay --out out",
            &["--leg-rule", "condition 2", "IP address"],
        ),
    ];
    for (line, words) in cases {
        let mut replay = place.command(&format!("replay {line}"));
        assert_fails(&mut replay, USAGE, words)?;
        assert!(!place.path("out").exists(), "{line}");
    }
    Ok(())
}

#[test]
fn a_replay_of_nothing_and_a_live_meter_without_protection_are_refused() -> Result<()> {
    let place = Place::new()?;
    let output = place.command("replay --out out").output()?;
    assert_eq!(output.status.code(), Some(USAGE));
    // Clap names what is missing in the second line.
    let said = String::from_utf8(output.stderr)?;
    assert!(said.contains("<FILE>"), "{said}");
    let mut run = place.command("run --iface lo --out out --privacy off");
    assert_fails(&mut run, USAGE, &["`collector replay` alone"])
}

#[test]
fn an_output_folder_that_cannot_be_made_is_named() -> Result<()> {
    let place = Place::new()?;
    place.write("mix.pcap", &small_mix()?.capture)?;
    place.write("out", b"a file")?;
    for rest in ["", "--privacy off", "--each"] {
        let mut replay = place.command(&format!("replay mix.pcap --out out {rest}"));
        assert_fails(&mut replay, 1, &["out"])?;
    }
    assert_eq!(std::fs::read(place.path("out"))?, b"a file");
    Ok(())
}
