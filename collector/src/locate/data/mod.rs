//! Files that tell of address ranges: how they are read, what may be wrong with them, and the
//! columns that hold what they said.

pub(super) mod database;
pub(super) mod lines;
pub(super) mod ranges;

use std::{fs::File, io, path::Path};

use maxminddb::MaxMindDbError;

use crate::rights::files;

/// Largest file that is read, bytes: seven times the largest that is published. What is held of a
/// file takes no more than twice its size.
const MAX_FILE: u64 = 1 << 30;

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// Not there, or not readable.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A device, a pipe or a folder.
    #[error("it is no regular file")]
    NoFile,
    /// Larger than any such file is.
    #[error("it is larger than 1 GiB")]
    TooLarge,
    /// A line that is not in the format; counted from 1.
    #[error("line {line}: {reason}")]
    Line {
        /// Its number.
        line: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Damaged, or no database in MaxMind's format.
    #[error("{0}; it is damaged, or no database in MaxMind's format")]
    Database(#[from] MaxMindDbError),
    /// A record that holds something else than a country or a system.
    #[error("a record of the database is of another kind than those that are read here")]
    Record,
    /// The database's search tree has more leaves than a tree of so many nodes can have.
    #[error("the database's search tree runs in circles; the file is damaged")]
    Circles,
    /// A database of something finer than countries or systems.
    #[error("its records are more than a million; name a database of countries or systems alone")]
    TooMany,
    /// In the format, without what was looked for.
    #[error("nothing in it names {0}")]
    Nothing(&'static str),
    /// It became another file while it was read.
    #[error("it was being written while it was read; try again")]
    Unsteady,
}

impl DataError {
    /// Whether there simply is no such file.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// Opens a regular file of bounded size. Looks before it opens: to open a pipe would wait.
pub(super) fn open(path: &Path) -> Result<File, DataError> {
    let found = files::metadata(path)?;
    if !found.is_file() {
        return Err(DataError::NoFile);
    }
    if found.len() > MAX_FILE {
        return Err(DataError::TooLarge);
    }
    Ok(files::open(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_a_bounded_size_are_opened() {
        assert!(
            open(Path::new("/nonexistent/geoip"))
                .unwrap_err()
                .is_absence()
        );
        assert!(matches!(
            open(Path::new("/dev/zero")),
            Err(DataError::NoFile)
        ));
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(open(file.path()).is_ok());
        file.as_file().set_len(MAX_FILE + 1).unwrap();
        assert!(matches!(open(file.path()), Err(DataError::TooLarge)));
    }
}
