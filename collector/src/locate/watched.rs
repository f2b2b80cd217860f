//! Whether a file is still the one that was read.

use std::{
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::rights::files;

/// What tells one state of a file from another, without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    /// Modified and changed, seconds and nanoseconds.
    times: [i64; 4],
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let found = files::metadata(path)?;
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
            length: found.len(),
            times: [
                found.mtime(),
                found.mtime_nsec(),
                found.ctime(),
                found.ctime_nsec(),
            ],
        })
    }
}

/// A file that others may replace or change.
#[derive(Clone, Debug)]
pub struct Watched {
    path: PathBuf,
    /// When it was last looked at; `None` where it was not there.
    stamp: Option<Stamp>,
}

impl Watched {
    /// Not looked at yet: the first look finds it changed, if it is there.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, stamp: None }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is another one than at the last look, or has come or gone. Ask before reading
    /// it: what changes in between is then found by the next look.
    pub fn changed(&mut self) -> bool {
        let now = Stamp::of(&self.path).ok();
        let before = std::mem::replace(&mut self.stamp, now);
        before != now
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_changes_when_it_comes_is_written_is_replaced_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("geoip");
        let mut watched = Watched::new(path.clone());
        assert!(!watched.changed(), "it is not there and was not");
        fs::write(&path, "one").unwrap();
        assert!(watched.changed());
        assert!(!watched.changed());
        fs::write(&path, "longer").unwrap();
        assert!(watched.changed());
        let other = folder.path().join("other");
        fs::write(&other, "sooner").unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(watched.changed(), "the same length, another file");
        fs::remove_file(&path).unwrap();
        assert!(watched.changed());
        assert!(!watched.changed());
    }
}
