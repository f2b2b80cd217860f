//! What the sink asks of a disk; tests put a failing one in its place.

use std::{fmt, fs::File, io, os::unix::fs::FileExt, path::Path};

/// Room of a file system, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// In all.
    pub total: u64,
    /// For this process.
    pub available: u64,
}

/// Writes, syncs and tells room.
pub trait Disk: fmt::Debug + Send {
    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// What the system says; some of `bytes` may have been written.
    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Returns when the file's bytes and length are on disk.
    ///
    /// # Errors
    /// What the system says; then nothing is known of what was written since the last sync.
    fn sync(&mut self, file: &File) -> io::Result<()>;

    /// Room where `folder` is.
    ///
    /// # Errors
    /// What the system says.
    fn space(&self, folder: &Path) -> io::Result<Space>;
}

impl<D: Disk + ?Sized> Disk for &mut D {
    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        (**self).write(file, bytes, offset)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        (**self).sync(file)
    }

    fn space(&self, folder: &Path) -> io::Result<Space> {
        (**self).space(folder)
    }
}

/// The disk under the output folder.
#[derive(Clone, Copy, Debug)]
pub struct LocalDisk;

impl Disk for LocalDisk {
    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn space(&self, folder: &Path) -> io::Result<Space> {
        let stat = nix::sys::statvfs::statvfs(folder)?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.fragment_size());
        Ok(Space {
            total: bytes(stat.blocks()),
            available: bytes(stat.blocks_available()),
        })
    }
}
