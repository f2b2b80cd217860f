//! A disk that is full as soon as a test wants it to be.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    mount::{MntFlags, MsFlags, mount, umount2},
};

/// A file system in memory, of one MiB unless more is asked for; gone when dropped.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

const FLAGS: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV);
/// Bytes that it is filled with at a time.
const PIECE: usize = 1 << 20;

impl SmallDisk {
    /// Mounts it on `folder`, which is made where it is absent.
    ///
    /// # Errors
    /// Not root.
    pub fn mount(folder: &Path) -> Result<Self> {
        Self::of(folder, 1)
    }

    /// The same with so many MiB.
    ///
    /// # Errors
    /// Not root.
    pub fn of(folder: &Path, mebibytes: u32) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let options = format!("size={mebibytes}m,mode=0700");
        mount(
            Some("tmpfs"),
            folder,
            Some("tmpfs"),
            FLAGS,
            Some(options.as_str()),
        )
        .with_context(|| format!("mounting {}", folder.display()))?;
        Ok(Self(folder.to_owned()))
    }

    /// Takes no change any more, or does again.
    ///
    /// # Errors
    /// A file is open for writing.
    pub fn set_read_only(&self, read_only: bool) -> Result<()> {
        let access = if read_only {
            MsFlags::MS_RDONLY
        } else {
            MsFlags::empty()
        };
        let none: Option<&str> = None;
        mount(
            none,
            &self.0,
            none,
            MsFlags::MS_REMOUNT | FLAGS | access,
            none,
        )
        .with_context(|| format!("mounting {} again", self.0.display()))
    }

    /// Leaves no room.
    ///
    /// # Errors
    /// Other than that there is none.
    pub fn fill(&self) -> Result<()> {
        let piece = vec![0; PIECE];
        let mut filler = fs::File::create(self.filler())?;
        loop {
            match filler.write_all(&piece) {
                Err(error) if error.raw_os_error() == Some(Errno::ENOSPC as i32) => return Ok(()),
                written => written?,
            }
        }
    }

    /// Gives the room back.
    ///
    /// # Errors
    /// It was not full.
    pub fn empty(&self) -> Result<()> {
        Ok(fs::remove_file(self.filler())?)
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Detached: a process that a failed test left behind may have files open.
        if let Err(error) = umount2(&self.0, MntFlags::MNT_DETACH) {
            eprintln!("{} stays mounted: {error}", self.0.display());
        }
    }
}
