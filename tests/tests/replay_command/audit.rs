//! `collector audit` on what `collector replay` wrote, and on what it would never write.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    process::{Output, Stdio},
};

use anyhow::{Context, Result};
use collector_tests::binary::assert_fails;
use serde_json::Value;

use crate::{made::small_mix, place::Place};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn what_a_replay_wrote_has_no_faults_at_any_level() -> Result<()> {
    let (place, made) = (Place::new()?, small_mix()?);
    place.write("mix.pcap", &made.capture)?;
    for (level, flags) in [
        ("aggregate", "--rotate-after 4"),
        ("coarse", ""),
        ("coarse", "--each"),
        ("thesis", "--rotate-after 4"),
    ] {
        let out = format!("{level}{flags}").replace(' ', "-");
        place.replay(&format!("mix.pcap --privacy {level} --out {out} {flags}"))?;
        let audit = place.command(&format!("audit --json {out}")).output()?;
        assert_eq!(audit.status.code(), Some(0), "{out}: {}", said(&audit));
        let told: Value = serde_json::from_slice(&audit.stdout)?;
        let lines = place.lines(&out)?;
        assert_eq!(told["lines"], lines.len());
        assert_eq!(told["files"], place.files(&out)?.len());
        for kind in ["header", "day", "flow", "statistics"] {
            let there = lines.iter().filter(|line| line["type"] == kind).count();
            let counted = told["levels"][level][kind].as_u64().unwrap_or(0);
            assert_eq!(counted, there as u64, "{out}: {kind}");
        }
        assert!(told["fields"].as_u64() > told["lines"].as_u64());
    }
    Ok(())
}

#[test]
fn a_fault_is_told_by_file_line_and_field_and_without_the_value() -> Result<()> {
    let (place, made) = (Place::new()?, small_mix()?);
    place.write("mix.pcap", &made.capture)?;
    place.replay("mix.pcap --privacy coarse --out out")?;
    let texts = place.texts("out")?;
    let (name, text) = texts
        .iter()
        .find(|(name, _)| name.starts_with("flows-"))
        .context("flows")?;
    let (head, rest) = text.split_once("\n").context("a header")?;
    let (flow, rest) = rest.split_once("\n").context("a flow")?;
    let flow = flow.replacen(r#""leg":"#, r#""host":"mail.example.org","leg":"#, 1);
    let changed = format!("{head}\n{flow}\n{rest}");
    place.write("plain.ndjson", changed.as_bytes())?;
    place.write(
        &format!("out/{name}"),
        &zstd::encode_all(changed.as_bytes(), 3)?,
    )?;
    for file in ["plain.ndjson", &format!("out/{name}")] {
        let audit = place.command(&format!("audit {file}")).output()?;
        assert_eq!(audit.status.code(), Some(1));
        let said = said(&audit);
        let told = format!("{file}:2: line: the schema has no field of this name\n");
        assert!(
            said.starts_with(&told) && said.contains("1 faults"),
            "{said}"
        );
        assert!(!said.contains("example"), "{said}");
    }
    Ok(())
}

#[test]
fn standard_input_is_audited_as_a_file_is() -> Result<()> {
    let (place, made) = (Place::new()?, small_mix()?);
    place.write("mix.pcap", &made.capture)?;
    place.replay("mix.pcap --out out")?;
    let text: String = place.texts("out")?.into_values().collect();
    for (input, code) in [(text.as_str(), 0), (&text[1..], 1), ("", 1)] {
        let mut command = place.command("audit -");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let written = child
            .stdin
            .take()
            .context("a pipe")?
            .write_all(input.as_bytes());
        let audit = child.wait_with_output()?;
        assert_eq!(audit.status.code(), Some(code), "{}", said(&audit));
        // An audit that has seen enough reads no further.
        assert!(written.is_ok() || code == 1);
    }
    Ok(())
}

#[test]
fn of_a_folder_a_meter_s_own_files_are_passed_over_and_strange_ones_are_faults() -> Result<()> {
    let (place, made) = (Place::new()?, small_mix()?);
    place.write("mix.pcap", &made.capture)?;
    place.replay("mix.pcap --out out")?;
    let own = [
        "flows-relay-20261122T150405Z-0000.ndjson.zst.open",
        "budget-relay.ndjson",
    ];
    for name in own {
        place.write(&format!("out/{name}"), b"93.184.216.34")?;
    }
    fs::create_dir(place.path("out/.x.replay"))?;
    let audit = place.command("audit out").output()?;
    assert_eq!(audit.status.code(), Some(0), "{}", said(&audit));
    assert_eq!(said(&audit).matches("is passed over").count(), 3);
    for name in own {
        let audit = place.command(&format!("audit out/{name}")).output()?;
        assert_eq!(audit.status.code(), Some(1));
        assert!(said(&audit).contains("not for others"), "{}", said(&audit));
    }
    place.write("out/notes.txt", b"mine")?;
    let audit = place.command("audit out").output()?;
    assert_eq!(audit.status.code(), Some(1));
    assert!(
        said(&audit).contains("out/notes.txt: no file of a meter"),
        "{}",
        said(&audit)
    );
    Ok(())
}

#[test]
fn files_that_others_can_read_are_told_and_are_no_fault() -> Result<()> {
    let (place, made) = (Place::new()?, small_mix()?);
    place.write("mix.pcap", &made.capture)?;
    place.replay("mix.pcap --out out")?;
    for (mode, told) in [(0o600, false), (0o644, true)] {
        for name in place.files("out")?.keys() {
            let path = place.path("out").join(name);
            fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        }
        let audit = place.command("audit out").output()?;
        assert_eq!(audit.status.code(), Some(0));
        let warned = String::from_utf8(audit.stderr)?;
        assert_eq!(warned.contains("mode 0600"), told, "{warned}");
    }
    Ok(())
}

#[test]
fn what_is_named_wrongly_is_wrong_usage() -> Result<()> {
    let place = Place::new()?;
    fs::create_dir(place.path("empty"))?;
    for (line, words) in [
        ("nosuch.ndjson.zst", ["nosuch.ndjson.zst", "check the path"]),
        ("empty", ["no closed file", ""]),
    ] {
        assert_fails(&mut place.command(&format!("audit {line}")), 2, &words)?;
    }
    assert_eq!(place.command("audit").output()?.status.code(), Some(2));
    Ok(())
}
