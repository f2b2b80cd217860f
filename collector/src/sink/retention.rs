//! How long closed files stay.

use std::{fs, path::Path, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::{
    SinkError,
    disk::{Disk, Space},
    name::{FileId, Kind, Node},
    recover::{files, path},
};

/// Limits on closed files of one node; what passes them goes, oldest first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retention {
    /// Age of a file by its name.
    pub max_age: Duration,
    /// Bytes of all files.
    pub max_bytes: u64,
    /// Per cent of the disk that stay free: below, older files go (the newest stays) and nothing
    /// is written.
    pub min_free_percent: u8,
    /// Files go at all.
    pub removes: bool,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(90 * 24 * 3600),
            max_bytes: 5 << 30,
            min_free_percent: 5,
            removes: true,
        }
    }
}

impl Retention {
    /// Keeps every file, as a replay must, whose files are as old as its captures; the room that
    /// is to stay free still is not written to.
    #[must_use]
    pub fn keeps_all() -> Self {
        Self {
            removes: false,
            ..Self::default()
        }
    }

    /// Whether the disk has the room that is to stay free.
    pub(super) fn has_room(&self, space: Space) -> bool {
        let wanted = u128::from(space.total) * u128::from(self.min_free_percent) / 100;
        u128::from(space.available) >= wanted
    }
}

/// Files that went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Removes what passes `limits` at `now`.
pub(super) fn apply(
    folder: &Path,
    node: &Node,
    now: Timestamp,
    limits: &Retention,
    disk: &dyn Disk,
) -> Result<Removed, SinkError> {
    if !limits.removes {
        return Ok(Removed::default());
    }
    let sized: Vec<(FileId, u64)> = files(folder, node, Kind::Closed)?
        .into_iter()
        .map(|id| {
            let length = fs::metadata(path(folder, node, id, Kind::Closed)).map(|meta| meta.len());
            (id, length.unwrap_or(0))
        })
        .collect();
    let mut kept: u64 = sized.iter().map(|(_, bytes)| bytes).sum();
    let mut removed = Removed::default();
    for (index, (id, bytes)) in sized.iter().enumerate() {
        let old = now.duration_since(id.start)
            > SignedDuration::try_from(limits.max_age).unwrap_or(SignedDuration::MAX);
        let newest = index + 1 == sized.len();
        let tight = || {
            disk.space(folder)
                .is_ok_and(|space| !limits.has_room(space))
        };
        if !(old || kept > limits.max_bytes || (!newest && tight())) {
            break;
        }
        let path = path(folder, node, *id, Kind::Closed);
        fs::remove_file(&path).map_err(|error| SinkError::new("remove", &path, error))?;
        kept -= bytes;
        removed.files += 1;
        removed.bytes += bytes;
    }
    Ok(removed)
}
