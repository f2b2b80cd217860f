//! A folder in which the program is run, as a person would in a shell.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};
use collector_tests::binary::program;
use serde_json::Value;
use tempfile::TempDir;

/// The folder; gone when dropped.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(tempfile::tempdir()?))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(name);
        fs::create_dir_all(path.parent().context("a folder")?)?;
        Ok(fs::write(path, bytes)?)
    }

    /// `collector LINE`, in the folder.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = program();
        command.args(line.split_whitespace());
        command.current_dir(&self.0).stdin(Stdio::null());
        command
    }

    /// `collector replay --json LINE`, to its end.
    pub(crate) fn replay(&self, line: &str) -> Result<Played> {
        let output = self.command(&format!("replay --json {line}")).output()?;
        Played::of(output)
    }

    /// The same with bytes on standard input.
    pub(crate) fn replay_bytes(&self, line: &str, bytes: &[u8]) -> Result<Played> {
        let mut command = self.command(&format!("replay --json {line}"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        child.stdin.take().context("a pipe")?.write_all(bytes)?;
        Played::of(child.wait_with_output()?)
    }

    /// The files of `folder` with their bytes, by name.
    pub(crate) fn files(&self, folder: &str) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(self.path(folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            files.insert(name, fs::read(entry.path())?);
        }
        Ok(files)
    }

    /// The same, unpacked.
    pub(crate) fn texts(&self, folder: &str) -> Result<BTreeMap<String, String>> {
        let files = self.files(folder)?.into_iter();
        files
            .map(|(name, bytes)| Ok((name, String::from_utf8(zstd::decode_all(&bytes[..])?)?)))
            .collect()
    }

    /// Every line of every file of `folder`.
    pub(crate) fn lines(&self, folder: &str) -> Result<Vec<Value>> {
        let texts = self.texts(folder)?;
        let lines = texts.values().flat_map(|text| text.lines());
        lines.map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}

/// How the program ended.
pub(crate) struct Played {
    pub(crate) code: Option<i32>,
    /// What it printed: with `--json` the summary alone.
    pub(crate) summary: Value,
    /// Standard error.
    pub(crate) said: String,
}

impl Played {
    fn of(output: std::process::Output) -> Result<Self> {
        let said = String::from_utf8(output.stderr)?;
        assert!(!said.contains("panicked"), "{said}");
        let printed = output.stdout;
        let summary = serde_json::from_slice(&printed).with_context(|| said.clone())?;
        let code = output.status.code();
        Ok(Self {
            code,
            summary,
            said,
        })
    }

    /// A number of the summary, by its path.
    #[track_caller]
    pub(crate) fn number(&self, path: &str) -> u64 {
        let value = self.summary.pointer(path).and_then(Value::as_u64);
        value.unwrap_or_else(|| panic!("no number {path} in {}", self.summary))
    }

    /// Everything was read, and is in the output or under a reason.
    #[track_caller]
    pub(crate) fn assert_whole(&self) {
        assert_eq!(self.code, Some(0), "{}", self.said);
        assert_eq!(self.number("/difference"), 0, "{}", self.summary);
        assert_eq!(self.number("/damaged"), 0, "{}", self.summary);
    }

    /// The program failed, and told all of `words`.
    #[track_caller]
    pub(crate) fn assert_damaged(&self, words: &[&str]) {
        assert_eq!(self.code, Some(1), "{}", self.said);
        for word in words {
            assert!(self.said.contains(word), "{word}? {}", self.said);
        }
    }
}
