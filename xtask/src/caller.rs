//! Whose files a build makes.
//!
//! Under sudo everything is built as the user who typed sudo, so that the next build without it
//! finds no file that it can't write.

use std::{
    env,
    ffi::OsString,
    fs, io,
    os::unix::{
        fs::{MetadataExt, lchown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use nix::unistd::{Uid, User};

use crate::workspace::Workspace;

/// Where root's cargo and rustup keep things; set by them for this process.
const ROOTS_OWN: [&str; 5] = [
    "CARGO",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "LD_LIBRARY_PATH",
    "XDG_RUNTIME_DIR",
];

/// The account that builds.
pub(crate) struct Caller {
    is_root: bool,
    /// The user who typed sudo.
    behind_sudo: Option<User>,
}

impl Caller {
    /// From our own user id and what sudo says of its caller.
    pub(crate) fn detect() -> Result<Self> {
        let is_root = Uid::effective().is_root();
        let name = env::var("SUDO_USER").ok().filter(|name| name != "root");
        let behind_sudo = match name {
            Some(name) if is_root => {
                User::from_name(&name).with_context(|| format!("looking up user {name}"))?
            }
            _ => None,
        };
        Ok(Self {
            is_root,
            behind_sudo,
        })
    }

    /// Whether this process has root's rights.
    pub(crate) fn is_root(&self) -> bool {
        self.is_root
    }

    /// Whether a build runs with root's rights.
    pub(crate) fn builds_as_root(&self) -> bool {
        self.is_root && self.behind_sudo.is_none()
    }

    /// A command that runs as the account that builds.
    pub(crate) fn command(&self, program: impl Into<OsString>) -> Command {
        let mut command = Command::new(program.into());
        if let Some(user) = &self.behind_sudo {
            for ours in ROOTS_OWN {
                command.env_remove(ours);
            }
            command
                .uid(user.uid.as_raw())
                .gid(user.gid.as_raw())
                .env("HOME", &user.dir)
                .env("USER", &user.name)
                .env("LOGNAME", &user.name)
                .env("PATH", self.search_path());
        }
        command
    }

    /// Where [`Self::command`] looks for programs; sudo takes the user's own folders away.
    pub(crate) fn search_path(&self) -> OsString {
        match &self.behind_sudo {
            Some(user) => path_with(&user.dir.join(".cargo/bin")),
            None => env::var_os("PATH").unwrap_or_default(),
        }
    }

    /// `cargo`, as the account that builds, in the workspace's root.
    pub(crate) fn cargo(&self, root: &Path) -> Command {
        let ours = env::var_os("CARGO").filter(|_| self.behind_sudo.is_none());
        let mut command = self.command(ours.unwrap_or_else(|| "cargo".into()));
        command.current_dir(root);
        command
    }

    /// Gives root's files in the target folders to the user behind sudo.
    pub(crate) fn take_ownership(&self, workspace: &Workspace) -> Result<()> {
        workspace
            .written()
            .into_iter()
            .try_for_each(|folder| self.own(folder))
    }

    /// Gives what root owns in a folder to the user behind sudo, if there is one.
    pub(crate) fn own(&self, folder: &Path) -> Result<()> {
        let Some(user) = &self.behind_sudo else {
            return Ok(());
        };
        give(folder, user.uid.as_raw(), user.gid.as_raw())
            .with_context(|| format!("giving {} to {}", folder.display(), user.name))
    }
}

fn path_with(first: &Path) -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(first.to_path_buf()).chain(env::split_paths(&path));
    env::join_paths(folders).unwrap_or(path)
}

/// Changes the owner of what belongs to root, links themselves and not what they name.
fn give(folder: &Path, uid: u32, gid: u32) -> io::Result<()> {
    let mut due: Vec<PathBuf> = vec![folder.to_path_buf()];
    while let Some(path) = due.pop() {
        let Ok(file) = fs::symlink_metadata(&path) else {
            continue; // gone meanwhile
        };
        if file.uid() == 0 {
            lchown(&path, Some(uid), Some(gid))?;
        }
        if file.is_dir() {
            for entry in fs::read_dir(&path)? {
                due.push(entry?.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: u32 = 65_534;

    #[test]
    fn links_are_given_away_and_what_they_name_is_not() {
        if !Uid::effective().is_root() {
            eprintln!("skipped: only root can give files away");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let kept = tempfile::NamedTempFile::new().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(kept.path(), &link).unwrap();

        give(folder.path(), NOBODY, NOBODY).unwrap();

        let owner = |path: &Path| fs::symlink_metadata(path).unwrap().uid();
        assert_eq!([folder.path(), &file, &link].map(owner), [NOBODY; 3]);
        assert_eq!(owner(kept.path()), 0);
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_no_error() {
        give(Path::new("/no/such/folder"), NOBODY, NOBODY).unwrap();
    }
}
