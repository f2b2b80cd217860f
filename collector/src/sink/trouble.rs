//! What a failing disk keeps from being done.

use std::fmt;

use super::SinkError;

/// What waits; a later call does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undone {
    /// Records are in no spool.
    Written,
    /// The spool is old or large, and no next one can be made.
    Begun,
    /// A spool can't be read.
    Read,
    /// A spool is not made a file.
    Closed,
    /// Days that are over are in no file.
    Told,
    /// Files that passed a limit are still there.
    Removed,
}

impl fmt::Display for Undone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Written => "records wait in memory, then they are counted as unwritten",
            Self::Begun => "records go on into the spool before, which is closed later",
            Self::Read => "it stays as it is",
            Self::Closed => "the spool stays, and is closed with the next one",
            Self::Told => "days that are over are told when the next spool is closed",
            Self::Removed => {
                "files that are too old or too many stay until the next spool is closed"
            }
        })
    }
}

/// A failure and what comes of it.
#[derive(Debug, thiserror::Error)]
#[error("{error}; {undone}")]
pub struct Trouble {
    /// What was not done.
    pub undone: Undone,
    /// Why.
    pub error: SinkError,
}

impl Undone {
    /// As the way out of a step that failed.
    pub(super) fn by(self) -> impl Fn(SinkError) -> Trouble {
        move |error| Trouble {
            undone: self,
            error,
        }
    }
}
