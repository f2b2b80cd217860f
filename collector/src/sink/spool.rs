//! The file that is being written.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{
    SinkError,
    disk::Disk,
    frame,
    name::{FileId, FileKind, Node},
};

/// Files of one second: more means that something writes files in a loop.
pub(super) const MAX_SEQUENCE: u32 = 9999;
/// Of this many times the size limit no more is written: closing reads a spool as a whole.
const HARD_LIMIT: u64 = 4;

/// A spool: complete frames, synced by commits, each of which ends with a totals line.
#[derive(Debug)]
pub(super) struct Spool {
    pub(super) id: FileId,
    path: PathBuf,
    file: File,
    /// Length up to which it holds synced frames.
    good: u64,
    /// A write failed: what lies behind `good` is to be cut off first.
    torn: bool,
    /// Text in its frames.
    text: u64,
    /// When it was begun, nanoseconds since boot.
    pub(super) opened: u64,
    /// It holds more than its first frame.
    used: bool,
}

impl Spool {
    /// Makes a new file, mode 0600, whose first frame is `first`.
    pub(super) fn create(
        folder: &Path,
        node: &Node,
        (start, now): (Timestamp, u64),
        first: &str,
        disk: &mut dyn Disk,
    ) -> Result<Self, SinkError> {
        let (id, path, file) = create_file(folder, node, start)?;
        let mut spool = Self {
            id,
            path,
            file,
            good: 0,
            torn: false,
            text: 0,
            opened: now,
            used: false,
        };
        let written = frame::encode(first.as_bytes(), frame::FAST)
            .map_err(|error| SinkError::new("write", &spool.path, error))
            .and_then(|frame| spool.append(&frame, first.len() as u64, u64::MAX, disk))
            .and_then(|()| sync_folder(folder));
        if let Err(error) = written {
            // An empty spool would only be removed at the next start.
            drop(std::fs::remove_file(&spool.path));
            return Err(error);
        }
        spool.used = false;
        Ok(spool)
    }

    /// Whether its name leads to it: folders are removed, moved, and mounted over.
    pub(super) fn is_in_place(&self) -> bool {
        let named = std::fs::metadata(&self.path);
        let same = named.and_then(|named| {
            let ours = self.file.metadata()?;
            Ok((named.dev(), named.ino()) == (ours.dev(), ours.ino()))
        });
        same.unwrap_or(false)
    }

    /// It was removed, so that nothing but the open file holds it.
    pub(super) fn is_removed(&self) -> bool {
        self.file.metadata().is_ok_and(|ours| ours.nlink() == 0)
    }

    /// Writes all of it once more under its name, from the file that is still open.
    pub(super) fn write_anew(&mut self, disk: &mut dyn Disk) -> Result<(), SinkError> {
        let wrong = |error| SinkError::new("write anew", &self.path, error);
        let mut bytes = vec![0; usize::try_from(self.good).unwrap_or(usize::MAX)];
        self.file.read_exact_at(&mut bytes, 0).map_err(wrong)?;
        let file = create_new(&self.path).map_err(wrong)?;
        let written = disk
            .write(&file, &bytes, 0)
            .and_then(|()| disk.sync(&file))
            .map_err(wrong)
            .and_then(|()| sync_folder(self.path.parent().unwrap_or(Path::new("."))));
        if let Err(error) = written {
            drop(std::fs::remove_file(&self.path));
            return Err(error);
        }
        self.file = file;
        self.torn = false;
        Ok(())
    }

    /// Writes `frames`, which hold `text` bytes of text, and syncs them. After an error the file
    /// is as before.
    pub(super) fn append(
        &mut self,
        frames: &[u8],
        text: u64,
        limit: u64,
        disk: &mut dyn Disk,
    ) -> Result<(), SinkError> {
        let written = self.try_append(frames, text, limit, disk);
        if written.is_err() {
            self.torn = self.file.set_len(self.good).is_err();
        }
        written.map_err(|error| SinkError::new("write", &self.path, error))
    }

    fn try_append(
        &mut self,
        frames: &[u8],
        text: u64,
        limit: u64,
        disk: &mut dyn Disk,
    ) -> io::Result<()> {
        if self.text >= limit.saturating_mul(HARD_LIMIT) {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "the spool could not be closed for too long",
            ));
        }
        if self.torn {
            self.file.set_len(self.good)?;
            self.torn = false;
        }
        disk.write(&self.file, frames, self.good)?;
        disk.sync(&self.file)?;
        self.good += frames.len() as u64;
        self.text += text;
        self.used = true;
        Ok(())
    }

    /// Whether it holds records and is `max_age` nanoseconds old or has `max_text` bytes of text.
    pub(super) fn is_due(&self, now: u64, max_age: u64, max_text: u64) -> bool {
        self.used && (self.is_old(now, max_age) || self.text >= max_text)
    }

    /// Whether it is `max_age` nanoseconds old.
    pub(super) fn is_old(&self, now: u64, max_age: u64) -> bool {
        now.saturating_sub(self.opened) >= max_age
    }
}

fn create_file(
    folder: &Path,
    node: &Node,
    start: Timestamp,
) -> Result<(FileId, PathBuf, File), SinkError> {
    let start = Timestamp::from_second(start.as_second()).unwrap_or(start);
    let mut sequence = 0;
    loop {
        let id = FileId { start, sequence };
        let path = folder.join(id.name(node, FileKind::Spool));
        // A closed file of this name would be taken for this spool's.
        let taken = folder.join(id.name(node, FileKind::Closed)).exists();
        match create_new(&path) {
            Ok(file) if !taken => return Ok((id, path, file)),
            Ok(_) => drop(std::fs::remove_file(&path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(SinkError::new("create", &path, error)),
        }
        sequence += 1;
        if sequence > MAX_SEQUENCE {
            let error = io::Error::from(io::ErrorKind::AlreadyExists);
            return Err(SinkError::new("create", &path, error));
        }
    }
}

fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Makes names in `folder` durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), SinkError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| SinkError::new("sync", folder, error))
}
