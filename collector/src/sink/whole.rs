//! Files that appear whole or not at all.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{SinkError, disk::Disk, spool::sync_folder};

/// Of the name while a file is being written.
const PART: &str = ".part";

/// A file that is written under a name of its own, mode 0600, and gets its final one when it is
/// whole and synced; dropped before, it goes. What a killed writer left is taken away by the next
/// one of the same file.
#[derive(Debug)]
pub struct WholeFile<D: Disk> {
    path: PathBuf,
    part: PathBuf,
    file: File,
    length: u64,
    /// It has its final name; what has the other one now is not ours.
    named: bool,
    disk: D,
}

impl<D: Disk> WholeFile<D> {
    /// Begins the file that will be `path`.
    ///
    /// # Errors
    /// Its folder can't be written, or somebody is writing the same file.
    pub fn create(path: &Path, disk: D) -> Result<Self, SinkError> {
        let mut part = path.as_os_str().to_owned();
        part.push(PART);
        let part = PathBuf::from(part);
        let file = take_away(&part)
            .and_then(|()| create(&part))
            .map_err(|error| SinkError::new("create", &part, error))?;
        Ok(Self {
            path: path.to_owned(),
            part,
            file,
            length: 0,
            named: false,
            disk,
        })
    }

    /// `reason` as the error of writing this file.
    #[must_use]
    pub fn wrong(&self, reason: io::Error) -> SinkError {
        SinkError::new("write", &self.part, reason)
    }

    /// Gives it its name; a file that had the name before goes.
    ///
    /// # Errors
    /// It can't be synced or renamed.
    pub fn finish(mut self) -> Result<(), SinkError> {
        let synced = self.disk.sync(&self.file);
        synced.map_err(|error| self.wrong(error))?;
        fs::rename(&self.part, &self.path)
            .map_err(|error| SinkError::new("rename", &self.part, error))?;
        self.named = true;
        let folder = self.path.parent().unwrap_or(Path::new(""));
        // The parent of a bare name is empty.
        let here = folder.as_os_str().is_empty();
        sync_folder(if here { Path::new(".") } else { folder })
    }
}

impl<D: Disk> io::Write for WholeFile<D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.write(&self.file, bytes, self.length)?;
        self.length += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<D: Disk> Drop for WholeFile<D> {
    fn drop(&mut self) {
        if !self.named {
            drop(fs::remove_file(&self.part));
        }
    }
}

fn create(part: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(part)?;
    lock(&file)?;
    Ok(file)
}

/// Removes what a killed writer left; one that lives holds a lock.
fn take_away(part: &Path) -> io::Result<()> {
    match File::open(part) {
        Ok(left) => lock(&left).and_then(|()| fs::remove_file(part)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// A file system without locks is no reason not to write.
fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another process is writing it; wait for its end or choose another folder",
        )),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, os::unix::fs::PermissionsExt};

    use tempfile::TempDir;

    use super::*;
    use crate::sink::disk::LocalDisk;

    fn begin(path: &Path) -> Result<WholeFile<LocalDisk>, SinkError> {
        WholeFile::create(path, LocalDisk)
    }

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole_and_is_for_its_owner_only() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("x.zst");
        let mut file = begin(&path).unwrap();
        file.write_all(b"one").unwrap();
        file.write_all(b"two").unwrap();
        assert!(!path.exists());
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"onetwo");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_given_up_leaves_nothing_and_the_one_before_stays() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("x.zst");
        fs::write(&path, "before").unwrap();
        let mut file = begin(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"before");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_writer_left_is_taken_away_with_its_mode() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("x.zst");
        let part = folder.path().join("x.zst.part");
        fs::write(&part, "of a killed writer").unwrap();
        fs::set_permissions(&part, fs::Permissions::from_mode(0o644)).unwrap();
        begin(&path).unwrap().finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn two_writers_of_one_file_are_refused() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("x.zst");
        let first = begin(&path).unwrap();
        let error = begin(&path).unwrap_err().to_string();
        assert!(error.contains("x.zst.part: another process"), "{error}");
        first.finish().unwrap();
        begin(&path).unwrap().finish().unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let folder = TempDir::new().unwrap();
        let error = begin(&folder.path().join("none/x")).unwrap_err();
        assert!(error.to_string().contains("none/x.part"), "{error}");
    }
}
