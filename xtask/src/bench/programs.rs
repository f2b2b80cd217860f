//! The programs that are compared: ours, its peers, and one that only reads.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{BufRead, BufReader},
    net::UdpSocket,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{
    caller::Caller,
    packages::{self, LIBNDPI, SOFTFLOWD},
    python,
    workspace::Workspace,
};

/// The version that the project's figures are about.
const NFSTREAM: &str = "6.6.0";
const FLOOR: &str = "dd";
const OURS: &str = "collector";
const SCRIPT: &str = include_str!("nfstream.py");

type Words = dyn Fn(&Path, &Path) -> Vec<OsString>;

/// A program and how to ask it.
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) version: String,
    /// Program and arguments, for a capture and a folder to write to.
    pub(super) words: Box<Words>,
    /// The flows that it found, from what it left in the folder.
    pub(super) flows: fn(&Path) -> Result<u64>,
}

impl Program {
    /// Whether it takes no longer than ours on any capture.
    pub(super) fn is_cheap(&self) -> bool {
        [FLOOR, OURS].contains(&self.name)
    }
}

/// Words of a command line.
fn words<const N: usize>(words: [&dyn AsRef<std::ffi::OsStr>; N]) -> Vec<OsString> {
    words.map(|word| word.as_ref().to_os_string()).to_vec()
}

/// `collector replay`, at default settings or without a look at payload.
pub(super) fn ours(agent: PathBuf, workers: u16, payload: &'static str) -> Program {
    let workers = workers.to_string();
    let version = match payload {
        SAMPLE => "",
        _ => "without DPI",
    };
    Program {
        name: OURS,
        version: version.to_owned(),
        words: Box::new(move |capture, folder| {
            let out = folder.join("flows");
            words([
                &agent,
                &"replay",
                &capture,
                &"--out",
                &out,
                &"--workers",
                &workers,
                &"--payload",
                &payload,
            ])
        }),
        flows: |folder| our_flows(&folder.join("flows")),
    }
}

/// Payload is looked at, as by default.
pub(super) const SAMPLE: &str = "sample";
/// It is not.
pub(super) const NONE: &str = "none";

/// A program that reads the capture and does nothing with it.
pub(super) fn floor() -> Program {
    Program {
        name: FLOOR,
        version: "reads only".to_owned(),
        words: Box::new(|capture, _| {
            let mut input = OsString::from("if=");
            input.push(capture);
            words([&FLOOR, &input, &"of=/dev/null", &"bs=1M", &"status=none"])
        }),
        flows: |_| Ok(0),
    }
}

/// Names of [`peers`].
pub(super) const PEERS: [&str; 3] = ["nfstream", "ndpireader", "softflowd"];

/// Installs the peer of that name.
pub(super) fn peer(
    name: &str,
    sink: &UdpSocket,
    workspace: &Workspace,
    caller: &Caller,
) -> Result<Program> {
    match name {
        "nfstream" => nfstream(workspace, caller),
        "ndpireader" => ndpi_reader(caller),
        _ => softflowd(sink, caller),
    }
}

/// NFStream in a virtual environment of its own.
fn nfstream(workspace: &Workspace, caller: &Caller) -> Result<Program> {
    let folder = workspace.target.join("peers");
    let wanted = format!("nfstream=={NFSTREAM}");
    let python = python::environment(&folder, &wanted, caller)?;
    let script = folder.join("flows.py");
    fs::write(&script, SCRIPT)?;
    Ok(Program {
        name: "nfstream",
        version: NFSTREAM.to_owned(),
        words: Box::new(move |capture, folder| {
            words([&python, &script, &capture, &folder.join("flows.ndjson")])
        }),
        flows: |folder| lines(&folder.join("flows.ndjson")),
    })
}

/// nDPI's own demonstration program, writing a line for each flow, too.
fn ndpi_reader(caller: &Caller) -> Result<Program> {
    packages::install(caller, LIBNDPI)?;
    Ok(Program {
        name: "ndpireader",
        version: packages::version(LIBNDPI)?,
        words: Box::new(|capture, folder| {
            let flows = folder.join("flows.csv");
            words([&"ndpiReader", &"-i", &capture, &"-C", &flows])
        }),
        flows: |folder| number_after(&folder.join("stdout"), "Unique flows:"),
    })
}

/// Exports NetFlow 9 to a socket that nobody reads. Keeps every flow, where it would push old
/// ones out from 8,192 on. Has no control socket, on which it may wait for ever.
fn softflowd(sink: &UdpSocket, caller: &Caller) -> Result<Program> {
    packages::install(caller, SOFTFLOWD)?;
    let to = sink.local_addr()?.to_string();
    Ok(Program {
        name: "softflowd",
        version: packages::version(SOFTFLOWD)?,
        words: Box::new(move |capture, folder| {
            let pid = folder.join("pid");
            words([
                &"softflowd",
                &"-r",
                &capture,
                &"-d",
                &"-n",
                &to,
                &"-v",
                &"9",
                &"-m",
                &"100000000",
                &"-p",
                &pid,
                &"-c",
                &"none",
            ])
        }),
        flows: |folder| number_after(&folder.join("stdout"), "Flows expired:"),
    })
}

/// Flow lines and flows that went to counters, in every file of a folder.
fn our_flows(folder: &Path) -> Result<u64> {
    let mut flows = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let file = BufReader::new(zstd::Decoder::new(File::open(&path)?)?);
        for line in file.lines() {
            let line: Value = serde_json::from_str(&line?)?;
            flows += match line["type"].as_str() {
                Some("flow") => 1,
                Some("failed") => line["sum"]["flows"].as_u64().unwrap_or_default(),
                _ => 0,
            };
        }
    }
    Ok(flows)
}

fn lines(path: &Path) -> Result<u64> {
    Ok(BufReader::new(File::open(path)?).lines().count() as u64)
}

/// The number behind a word in what a program printed.
fn number_after(path: &Path, word: &str) -> Result<u64> {
    let text = fs::read_to_string(path)?;
    let behind = text
        .split_once(word)
        .map(|(_, rest)| rest.split_whitespace());
    let number = behind.and_then(|mut words| words.next()?.parse().ok());
    number.with_context(|| format!("no number behind `{word}`"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn our_flows_are_lines_and_counted_failures() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("flows.ndjson.zst")).unwrap();
        let mut file = zstd::Encoder::new(file, 1).unwrap();
        file.write_all(
            b"{\"type\":\"header\"}\n{\"type\":\"flow\"}\n{\"type\":\"failed\",\"sum\":{\"flows\":40}}\n",
        )
        .unwrap();
        file.finish().unwrap();
        assert_eq!(our_flows(folder.path()).unwrap(), 41);
    }

    #[test]
    fn a_peers_own_count_is_read_from_what_it_prints() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "\tUnique flows:          23273        \n").unwrap();
        assert_eq!(number_after(file.path(), "Unique flows:").unwrap(), 23_273);
        assert!(number_after(file.path(), "Flows expired:").is_err());
    }
}
