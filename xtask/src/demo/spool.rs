//! Reads the spools that the agent is writing.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use zstd::zstd_safe::find_frame_compressed_size;

/// Follows every spool (`….open`) of a folder. Files stay open, so that what the agent writes
/// last is read even when it has closed and removed the spool.
pub(super) struct SpoolTail {
    folder: PathBuf,
    spools: BTreeMap<PathBuf, Spool>,
}

struct Spool {
    file: File,
    /// Read, and not yet a whole frame.
    rest: Vec<u8>,
}

impl SpoolTail {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
            spools: BTreeMap::new(),
        }
    }

    /// The lines of the frames that were completed since the last call.
    pub(super) fn lines(&mut self) -> Result<Vec<String>> {
        self.look_for_spools()
            .with_context(|| format!("reading {}", self.folder.display()))?;
        let mut lines = Vec::new();
        for (path, spool) in &mut self.spools {
            let text = spool
                .text()
                .with_context(|| format!("reading {}", path.display()))?;
            lines.extend(text.lines().map(str::to_owned));
        }
        Ok(lines)
    }

    fn look_for_spools(&mut self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            // What is kept of days that are not over ends alike.
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_spool = name.starts_with("flows") && name.ends_with(".open");
            let is_new = is_spool && !self.spools.contains_key(&path);
            if is_new && let Ok(file) = File::open(&path) {
                let rest = Vec::new();
                self.spools.insert(path, Spool { file, rest });
            }
        }
        Ok(())
    }
}

impl Spool {
    fn text(&mut self) -> io::Result<String> {
        self.file.read_to_end(&mut self.rest)?;
        let mut text = String::new();
        while let Ok(length) = find_frame_compressed_size(&self.rest) {
            let frame: Vec<u8> = self.rest.drain(..length).collect();
            text += &String::from_utf8_lossy(&zstd::decode_all(frame.as_slice())?);
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn lines_appear_when_their_frame_is_whole_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flows.open");
        let mut spool = File::create(&path).unwrap();
        let mut tail = SpoolTail::new(folder.path());
        assert!(tail.lines().unwrap().is_empty());

        let first = zstd::encode_all(b"one\ntwo\n".as_slice(), 1).unwrap();
        let second = zstd::encode_all(b"three\n".as_slice(), 1).unwrap();
        spool.write_all(&first).unwrap();
        spool.write_all(&second[..5]).unwrap();
        assert_eq!(tail.lines().unwrap(), ["one", "two"]);
        assert!(tail.lines().unwrap().is_empty());

        spool.write_all(&second[5..]).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(
            tail.lines().unwrap(),
            ["three"],
            "read after it was removed"
        );
    }

    #[test]
    fn closed_files_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("flows.ndjson.zst"), "x").unwrap();
        assert!(SpoolTail::new(folder.path()).lines().unwrap().is_empty());
    }
}
