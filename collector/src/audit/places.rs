//! What a folder holds: files for others, and those that never leave the machine.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// What is to be done with a file, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// To be read.
    Closed,
    /// A meter's own, not for others: why.
    Own(&'static str),
    /// Nothing of a meter's.
    Unknown,
}

impl Place {
    /// Of `path`, whether there is such a file or not.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default();
        let ends = |suffix: &str| name.as_encoded_bytes().ends_with(suffix.as_bytes());
        if ends(".open") {
            Self::Own("it is being written and holds more than a closed file; not for others")
        } else if ends(".part") {
            Self::Own("it is not whole; not for others")
        } else if is_budget(name) {
            Self::Own("it says what was released with noise; not for others")
        } else if ends(".ndjson.zst") || ends(".ndjson") {
            Self::Closed
        } else {
            Self::Unknown
        }
    }
}

fn is_budget(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b"budget-") && name.ends_with(b".ndjson")
}

/// The files of `folder` by name, and the folders in it, which are not entered.
///
/// # Errors
/// It can't be listed.
pub fn files(folder: &Path) -> io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort_unstable();
    Ok(paths.into_iter().partition(|path| !path.is_dir()))
}

/// Whether others than its owner may read a file.
#[must_use]
pub fn is_open_to_others(path: &Path) -> bool {
    let about = fs::metadata(path);
    about.is_ok_and(|about| about.permissions().mode() & 0o077 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whether_a_file_is_for_others() {
        let of = |name: &str| Place::of(Path::new(name));
        for closed in [
            "flows-relay-20261122T150405Z-0007.ndjson.zst",
            "day-relay-20261122-0000.ndjson.zst",
            "out/capture.pcap.ndjson.zst",
            "unpacked.ndjson",
        ] {
            assert_eq!(of(closed), Place::Closed, "{closed}");
        }
        for own in [
            "flows-relay-20261122T150405Z-0007.ndjson.zst.open",
            "days-relay.ndjson.zst.open",
            "flows-relay-20261122T150405Z-0007.ndjson.zst.part",
            "budget-relay.ndjson",
        ] {
            assert!(matches!(of(own), Place::Own(_)), "{own}");
        }
        for unknown in ["notes.txt", "x.pcap", "flows.ndjson.gz", ""] {
            assert_eq!(of(unknown), Place::Unknown, "{unknown}");
        }
    }
}
