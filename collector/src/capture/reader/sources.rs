//! What is to be read: arguments to captures.

use std::{
    ffi::OsStr,
    fs, io,
    io::Read,
    path::{Path, PathBuf},
};

use super::input::Input;

/// Bytes from anywhere.
pub(super) type Reader = Box<dyn Read + Send>;

/// A capture that is to be read.
pub struct Source {
    name: String,
    size: Option<u64>,
    origin: Origin,
}

/// Where a capture's bytes come from.
pub(super) enum Origin {
    File(PathBuf),
    Stdin,
    Reader(Reader),
}

impl Source {
    /// A file; that it is there shows when its turn comes.
    #[must_use]
    pub fn file(path: PathBuf) -> Self {
        let about = fs::metadata(&path).ok().filter(fs::Metadata::is_file);
        Self {
            name: path.display().to_string(),
            size: about.map(|file| file.len()),
            origin: Origin::File(path),
        }
    }

    /// Standard input.
    #[must_use]
    pub fn stdin() -> Self {
        Self {
            name: "standard input".to_owned(),
            size: None,
            origin: Origin::Stdin,
        }
    }

    /// Any other bytes, under this name.
    #[must_use]
    pub fn reader(name: &str, bytes: impl Read + Send + 'static) -> Self {
        Self {
            name: name.to_owned(),
            size: None,
            origin: Origin::Reader(Box::new(bytes)),
        }
    }

    /// Name for a person.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What an output of this capture alone is named after: the file's name without its folders,
    /// `stdin`, or the reader's name.
    #[must_use]
    pub fn file_name(&self) -> &OsStr {
        match &self.origin {
            Origin::File(path) => path.file_name().unwrap_or(path.as_os_str()),
            Origin::Stdin => OsStr::new("stdin"),
            Origin::Reader(_) => OsStr::new(&self.name),
        }
    }

    /// Bytes as stored; `None` for what is no regular file.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    pub(super) fn into_origin(self) -> Origin {
        self.origin
    }
}

/// What arguments stand for.
#[derive(Default)]
pub struct Sources {
    /// To be read, in this order.
    pub captures: Vec<Source>,
    /// In a folder that was named, and not read.
    pub skipped: Vec<Skipped>,
}

/// What a folder holds and is not read, for a warning.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skipped {
    /// Its first bytes are no capture's, or can't be read.
    #[error("{0:?} is passed over: it is no capture, or can't be read")]
    NoCapture(PathBuf),
    /// Folders in folders are not entered, and devices and pipes not opened.
    #[error("{0:?} is passed over: folders in folders are not entered; name it to have it read")]
    NoFile(PathBuf),
}

/// A named file or folder can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{path} can't be read: {error}; check the path and its permissions", path = .path.display())]
pub struct SourceError {
    path: PathBuf,
    error: io::Error,
}

/// Lists the captures that arguments name, in the arguments' order: a file is itself, whatever is
/// in it; a folder stands for its captures, sorted by the bytes of their names, without hidden files
/// and without the folders in it; `-` is standard input.
///
/// # Errors
/// A file or folder that is not there or can't be listed.
pub fn expand(arguments: &[PathBuf]) -> Result<Sources, SourceError> {
    let mut sources = Sources::default();
    for path in arguments {
        let failed = |error| SourceError {
            path: path.clone(),
            error,
        };
        if path.as_os_str() == "-" {
            sources.captures.push(Source::stdin());
        } else if fs::metadata(path).map_err(failed)?.is_dir() {
            sources.add_folder(path).map_err(failed)?;
        } else {
            sources.captures.push(Source::file(path.clone()));
        }
    }
    Ok(sources)
}

impl Sources {
    fn add_folder(&mut self, folder: &Path) -> io::Result<()> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.push(entry?.file_name());
        }
        names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
        names.sort();
        for name in names {
            let path = folder.join(name);
            if !path.is_file() {
                self.skipped.push(Skipped::NoFile(path));
            } else if Input::is_capture(Source::file(path.clone())) {
                self.captures.push(Source::file(path));
            } else {
                self.skipped.push(Skipped::NoCapture(path));
            }
        }
        Ok(())
    }
}
