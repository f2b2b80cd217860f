//! Files of others, read through one door: directly, or, inside a sandbox, through the opener. As
//! the sandbox is the process's, so is the door.

use std::{
    ffi::OsString,
    fs::{self, File, Metadata, OpenOptions},
    io,
    os::unix::{ffi::OsStringExt, fs::OpenOptionsExt},
    path::Path,
    sync::OnceLock,
};

use super::opener::{Opener, Wish};

static OPENER: OnceLock<Opener> = OnceLock::new();

/// From now on files are asked for, for the rest of the process's life.
pub fn ask(opener: Opener) {
    // One sandbox, one opener: a second is never made.
    let _ = OPENER.set(opener);
}

/// Whether nobody opens files any more: the opener has ended.
#[must_use]
pub fn is_closed() -> bool {
    OPENER.get().is_some_and(Opener::has_ended)
}

/// The file at `path`, for reading; a pipe holds nobody up.
///
/// # Errors
/// Those of open(2), and [`super::opener::Refused`].
pub fn open(path: &Path) -> io::Result<File> {
    match OPENER.get() {
        Some(opener) => opener.ask(Wish::Read, path).map(File::from),
        None => OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path),
    }
}

/// What is known of what is at `path`.
///
/// # Errors
/// As for [`open`].
pub fn metadata(path: &Path) -> io::Result<Metadata> {
    match OPENER.get() {
        Some(opener) => File::from(opener.ask(Wish::About, path)?).metadata(),
        None => fs::metadata(path),
    }
}

/// Whether there is a plain file at `path`.
#[must_use]
pub fn is_file(path: &Path) -> bool {
    metadata(path).is_ok_and(|found| found.is_file())
}

/// Whether there is a folder at `path`.
#[must_use]
pub fn is_folder(path: &Path) -> bool {
    metadata(path).is_ok_and(|found| found.is_dir())
}

/// The names in a folder, in no order.
///
/// # Errors
/// As for [`open`].
pub fn names(folder: &Path) -> io::Result<impl Iterator<Item = OsString>> {
    let opened = match OPENER.get() {
        Some(opener) => opener.ask(Wish::List, folder)?,
        None => File::open(folder)?.into(),
    };
    let entries = rustix::fs::Dir::new(opened)?;
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_bytes().to_vec()));
    Ok(names
        .filter(|name| !matches!(name.as_slice(), b"." | b".."))
        .map(OsString::from_vec))
}
