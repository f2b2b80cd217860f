//! A disk that is full as soon as a test wants it to be.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use nix::{
    errno::Errno,
    mount::{MntFlags, MsFlags, mount, umount2},
};

/// A file system of one MiB in memory; gone when dropped.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it on `folder`, which is made where it is absent.
    ///
    /// # Errors
    /// Not root.
    pub fn mount(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(
            Some("tmpfs"),
            folder,
            Some("tmpfs"),
            flags,
            Some("size=1m,mode=0700"),
        )
        .with_context(|| format!("mounting {}", folder.display()))?;
        Ok(Self(folder.to_owned()))
    }

    /// Leaves no room.
    ///
    /// # Errors
    /// Other than that there is none.
    pub fn fill(&self) -> Result<()> {
        match fs::write(self.filler(), vec![0; 2 << 20]) {
            Err(error) if error.raw_os_error() == Some(Errno::ENOSPC as i32) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(()) => bail!("{} has more room than it should", self.0.display()),
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
