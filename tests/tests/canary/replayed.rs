//! What `collector replay` leaves.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use anyhow::Result;
use collector_tests::{
    binary::program, forms::Forms, privileges::root_or_skip, small_disk::SmallDisk, timed::capture,
};
use tempfile::TempDir;

use crate::{
    LEVELS,
    song::{self, AGENT, CLIENT_PORTS, CROWD},
};

/// A folder in which the canaries are replayed.
struct Cage {
    folder: TempDir,
    forms: Forms,
}

impl Cage {
    fn new() -> Result<Self> {
        let cage = Self {
            folder: tempfile::tempdir()?,
            forms: song::forms()?,
        };
        cage.write("song.pcap", &capture(&song::whole()?)?)?;
        Ok(cage)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        Ok(fs::write(self.path(name), bytes)?)
    }

    /// `collector replay LINE --out out` at a level, with all that can be logged; gives what it
    /// printed and its files, in which no canary is.
    fn replay(&self, line: &str, level: &[&str]) -> Result<(Output, String)> {
        let out = self.path("out");
        let mut replay = program();
        replay.current_dir(&self.folder).stdin(Stdio::null());
        replay
            .arg("replay")
            .args(line.split_whitespace())
            .args(level);
        replay.args(["--write-failed", "--log", "trace", "--out", "out"]);
        let output = replay.output()?;
        self.forms.assert_none_in("standard output", &output.stdout);
        self.forms.assert_none_in("standard error", &output.stderr);
        let mut texts = String::new();
        for path in files(&out) {
            let text = unpacked(&path)?;
            self.forms
                .assert_none_in(&path.display().to_string(), text.as_bytes());
            texts.push_str(&text);
        }
        Ok((output, texts))
    }
}

/// Files in `folder`, none where it is none.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// The name and the text of a compressed file, as far as it is whole.
pub(crate) fn unpacked(path: &Path) -> Result<String> {
    let mut text = format!("{}\n", path.display()).into_bytes();
    let bytes = fs::read(path)?;
    // A spool may end in a torn frame.
    let _ = std::io::copy(&mut zstd::Decoder::new(&bytes[..])?, &mut text);
    Ok(String::from_utf8(text)?)
}

#[test]
fn no_canary_is_in_what_a_replay_writes_says_or_logs() -> Result<()> {
    let cage = Cage::new()?;
    for level in LEVELS {
        for line in [
            "song.pcap",
            "song.pcap --each",
            "song.pcap --json --workers 2",
        ] {
            let (output, texts) = cage.replay(line, level)?;
            assert!(output.status.success(), "{output:?}");
            // Payload was looked at: else nothing would be kept from anyone.
            assert!(texts.contains("HTTP"), "{texts}");
            let tells_agents = level.contains(&"thesis");
            assert!(!texts.contains(AGENT), "{level:?} {texts}");
            assert_eq!(texts.contains(CROWD), tells_agents, "{level:?} {texts}");
            assert_no_client_port(&texts);
            fs::remove_dir_all(cage.path("out"))?;
        }
    }
    Ok(())
}

/// No number in `texts` is one, but for sums of bytes, which may be any.
fn assert_no_client_port(texts: &str) {
    let fields = texts.split(',').filter(|field| !field.contains("bytes"));
    for number in fields.flat_map(|field| field.split(|letter: char| !letter.is_ascii_digit())) {
        let port = number.parse().unwrap_or_default();
        assert!(
            !CLIENT_PORTS.contains(&port),
            "the client's port {port} in {texts}"
        );
    }
}

#[test]
fn no_canary_is_in_what_is_said_of_damaged_captures() -> Result<()> {
    let cage = Cage::new()?;
    let whole = fs::read(cage.path("song.pcap"))?;
    for level in LEVELS {
        // In a packet's header, in its addresses, in its payload.
        for cut in [45, 75, whole.len() / 2, whole.len() - 3] {
            cage.write("cut.pcap", &whole[..cut])?;
            let (output, _) = cage.replay("cut.pcap", level)?;
            assert_eq!(output.status.code(), Some(1), "{output:?}");
        }
        // The first packet claims to be longer than any; then the file is no capture.
        for byte in [24 + 11, 0] {
            let mut damaged = whole.clone();
            damaged[byte] ^= 0xff;
            cage.write("cut.pcap", &damaged)?;
            let (output, _) = cage.replay("cut.pcap", level)?;
            assert_eq!(output.status.code(), Some(1), "{output:?}");
        }
        fs::remove_dir_all(cage.path("out"))?;
    }
    Ok(())
}

#[test]
fn no_canary_is_in_what_is_said_where_geo_data_are_damaged() -> Result<()> {
    let cage = Cage::new()?;
    cage.write("geoip", b"16777216,16777471,AU\n16777472,never,CN\n")?;
    for level in LEVELS {
        let (output, texts) = cage.replay("song.pcap --geoip geoip", level)?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("geoip"), "{said}");
        assert!(texts.is_empty(), "{texts}");
    }
    Ok(())
}

#[test]
fn no_canary_is_in_what_is_said_of_a_full_disk() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let cage = Cage::new()?;
    for level in LEVELS {
        let disk = SmallDisk::mount(&cage.path("out"))?;
        disk.fill()?;
        for line in ["song.pcap", "song.pcap --each"] {
            let (output, _) = cage.replay(line, level)?;
            assert_eq!(output.status.code(), Some(1), "{output:?}");
        }
    }
    Ok(())
}
