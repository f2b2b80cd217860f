//! Files of others, read up to a bound.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::rights::files;

/// Why a file was not taken. It repeats nothing of what is in the file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not there, or not readable.
    #[error("{}: {error}", path.display())]
    Io {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Not in its format as a whole.
    #[error("{}: {reason}", path.display())]
    Whole {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A line that is not in the format.
    #[error("{}:{line}: {reason}", path.display())]
    Line {
        /// Its path.
        path: PathBuf,
        /// The line's number, from 1.
        line: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl FileError {
    /// Whether there is no such file.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }

    pub(super) fn io(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        Self::Io { path, error }
    }

    pub(super) fn whole(path: &Path, reason: &'static str) -> Self {
        let path = path.to_owned();
        Self::Whole { path, reason }
    }

    pub(super) fn line(path: &Path, line: u64, reason: &'static str) -> Self {
        let path = path.to_owned();
        Self::Line { path, line, reason }
    }
}

/// The bytes of the file at `path`, fewer than `limit`; `too_long` says what is wrong with more.
///
/// # Errors
/// It can't be read, or is longer.
pub(super) fn read(path: &Path, limit: u64, too_long: &'static str) -> Result<Vec<u8>, FileError> {
    let wrong = |error| FileError::io(path, error);
    let file = files::open(path).map_err(wrong)?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(wrong)?;
    if bytes.len() as u64 == limit {
        return Err(FileError::whole(path, too_long));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(path: &Path) -> String {
        read(path, 1024, "longer than 1 KiB")
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn an_endless_file_ends_at_the_bound() {
        assert_eq!(error("/dev/zero".as_ref()), "/dev/zero: longer than 1 KiB");
    }

    #[test]
    fn a_pipe_without_a_writer_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(read(&path, 1024, "").unwrap(), b"");
    }

    #[test]
    fn a_folder_and_a_missing_file_are_told_by_name() {
        let folder = tempfile::tempdir().unwrap();
        assert!(error(folder.path()).contains("directory"));
        let missing = folder.path().join("torrc");
        assert!(error(&missing).contains("torrc"));
        assert!(read(&missing, 1, "").unwrap_err().is_missing());
    }
}
