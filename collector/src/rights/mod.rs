//! Rights: taken for the start, given up before the first byte of a stranger is read.
//!
//! The order is that of [`enter`]: another user, no capabilities, then a set of files (Landlock), then
//! a list of system calls (seccomp). All of it is the calling thread's and of those that it starts, so
//! it comes before any other thread. What files of others are needed later come through [`files`].

mod calls;
mod capabilities;
pub mod files;
pub mod opener;
#[cfg(feature = "planted-hook")]
pub mod planted;
mod reach;
mod user;

use std::{fmt, os::fd::OwnedFd};

use anyhow::Context;
use nix::sys::prctl;
use serde::{Deserialize, Serialize};

pub use user::{Account, give, hand_over, make_folder};

/// What the agent may no longer do, and would have to: it ends, and the next one starts with all
/// rights.
#[derive(Debug, thiserror::Error)]
#[error("{0}; this agent has no rights any more to set that right: start it again")]
pub struct NeedsRights(pub String);

/// The rights of a running agent, for `status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// Whether there is a sandbox at all.
    pub sandbox: bool,
    /// Number of the user that it runs as.
    pub uid: u32,
    /// That user's name, where it has one.
    pub user: Option<String>,
    /// Capabilities that it kept, each with what for.
    pub capabilities: Vec<String>,
    /// Version of Landlock's interface that is in force; `None`: this kernel has it not, or not on.
    pub landlock: Option<u32>,
    /// Whether each system call is looked at.
    pub seccomp: bool,
    /// Whether files of others are opened with CAP_DAC_READ_SEARCH, by the opener alone.
    pub opener_reads_all: bool,
}

impl Rights {
    /// Those of a process that has given up none.
    #[must_use]
    pub fn all() -> Self {
        let account = Account::current();
        Self {
            uid: account.uid(),
            user: account.name().map(str::to_owned),
            ..Self::default()
        }
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user {
            Some(name) => write!(f, "rights: user {name}")?,
            None => write!(f, "rights: user {}", self.uid)?,
        }
        if !self.sandbox {
            return write!(f, ", NO SANDBOX: all that this user may do");
        }
        match self.capabilities.as_slice() {
            [] => write!(f, ", no capabilities")?,
            kept => write!(f, ", {}", kept.join(", "))?,
        }
        match self.landlock {
            Some(version) => write!(f, "; Landlock {version}")?,
            None => write!(f, "; no Landlock in this kernel")?,
        }
        let seccomp = if self.seccomp { "" } else { "no " };
        let opener = if self.opener_reads_all {
            "reads what only others may"
        } else {
            "reads what this user may"
        };
        write!(f, "; {seccomp}seccomp; the opener {opener}")
    }
}

/// What the agent reaches from inside its sandbox.
pub struct Inside<'a> {
    /// The user it runs as.
    pub account: &'a Account,
    /// Made, written, renamed, removed: files of the output folder.
    pub output: OwnedFd,
    /// Folders of which files are removed at the stop: sockets, pins.
    pub removes: Vec<OwnedFd>,
    /// Folders of which empty folders are removed then.
    pub removes_empty: Vec<OwnedFd>,
    /// A filter on clsact goes only by netlink with CAP_NET_ADMIN.
    pub keeps_filters: bool,
    /// Whether the opener has CAP_DAC_READ_SEARCH.
    pub opener_reads_all: bool,
}

/// Gives up all rights but those of `inside`, for good. `probe` makes the calls of bpf(2) that a
/// running agent makes, and tells whether they are allowed without capabilities.
///
/// # Errors
/// A step that the kernel refuses, by name.
pub fn enter(
    inside: Inside<'_>,
    probe: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<Rights> {
    // Paths and filters are made ready while everything can be opened.
    let reach = reach::of_agent(&inside).context("Landlock")?;
    let calls = calls::of_agent(inside.keeps_filters).context("seccomp")?;
    capabilities::keep_over_user_change().context("keeping capabilities")?;
    inside.account.assume()?;
    let mut kept = capabilities::needed(probe)?;
    if inside.keeps_filters {
        kept.push(capabilities::FOR_FILTERS);
    }
    capabilities::leave(&kept).context("giving up capabilities")?;
    // A change of user may have opened the process's memory.
    prctl::set_dumpable(false)?;
    let landlock = reach::enforce(reach).context("Landlock")?;
    calls::enforce(&calls).context("seccomp")?;
    Ok(Rights {
        sandbox: true,
        uid: inside.account.uid(),
        user: inside.account.name().map(str::to_owned),
        capabilities: kept.iter().map(ToString::to_string).collect(),
        landlock,
        seccomp: true,
        opener_reads_all: inside.opener_reads_all,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_from_a_sandbox_is_told_loudly() {
        let mut rights = Rights {
            sandbox: true,
            user: Some("collector".to_owned()),
            landlock: Some(7),
            seccomp: true,
            ..Rights::default()
        };
        let told = rights.to_string();
        assert!(
            told.contains("user collector, no capabilities; Landlock 7; seccomp"),
            "{told}"
        );
        rights.landlock = None;
        assert!(rights.to_string().contains("no Landlock"));
        rights.sandbox = false;
        assert!(rights.to_string().contains("NO SANDBOX"));
    }
}
