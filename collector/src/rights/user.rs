//! The user that the agent runs as, and what has to belong to it.

use std::{
    fs::{DirBuilder, File},
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::{DirBuilderExt, MetadataExt},
    },
    path::Path,
};

use anyhow::{Context, bail, ensure};
use caps::Capability;
use nix::{
    fcntl::AtFlags,
    unistd::{Gid, Uid, User, fchown, fchownat, getegid, geteuid, setgroups, setresgid, setresuid},
};

use super::capabilities;

/// Who the agent runs as where there is such a user and nobody says another.
const OWN: &str = "collector";

/// A user of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    uid: Uid,
    gid: Gid,
    name: Option<String>,
    /// By the operator, not by default.
    is_named: bool,
}

impl Account {
    /// The user that `named` says, by name or number; else `collector`, where there is one and the
    /// process may become it; else the one that it is.
    ///
    /// # Errors
    /// No such user, or no right to become it.
    pub fn chosen(named: Option<&str>) -> anyhow::Result<Self> {
        let current = Self::current();
        let chosen = match named {
            Some(text) => Self::named(text)?,
            None if !may_change() => return Ok(current),
            None => match User::from_name(OWN)? {
                Some(user) => Self::of(user),
                None => return Ok(current),
            },
        };
        ensure!(
            chosen.uid == current.uid || may_change(),
            "to become {} wants root (CAP_SETUID, CAP_SETGID and CAP_CHOWN); start it as root or as \
             that user",
            chosen.shown()
        );
        Ok(chosen)
    }

    /// The user that the process is now.
    #[must_use]
    pub fn current() -> Self {
        let uid = geteuid();
        let name = User::from_uid(uid).ok().flatten().map(|user| user.name);
        Self {
            uid,
            gid: getegid(),
            name,
            is_named: false,
        }
    }

    fn named(text: &str) -> anyhow::Result<Self> {
        let user = match text.parse() {
            Ok(number) => match User::from_uid(Uid::from_raw(number))? {
                Some(user) => Self::of(user),
                None => Self {
                    uid: Uid::from_raw(number),
                    gid: Gid::from_raw(number),
                    name: None,
                    is_named: true,
                },
            },
            Err(_) => Self::of(User::from_name(text)?.with_context(|| {
                format!(
                    "--user {text} is no account here; `useradd --system --shell \
                     /usr/sbin/nologin {text}` makes one"
                )
            })?),
        };
        Ok(Self {
            is_named: true,
            ..user
        })
    }

    fn of(user: User) -> Self {
        Self {
            uid: user.uid,
            gid: user.gid,
            name: Some(user.name),
            is_named: false,
        }
    }

    /// Its number.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid.as_raw()
    }

    /// Its group's number.
    #[must_use]
    pub fn gid(&self) -> u32 {
        self.gid.as_raw()
    }

    /// The user with these numbers.
    #[must_use]
    pub fn with_numbers(uid: u32, gid: u32) -> Self {
        Self {
            uid: Uid::from_raw(uid),
            gid: Gid::from_raw(gid),
            name: None,
            is_named: true,
        }
    }

    /// Its name, where it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn shown(&self) -> String {
        let number = || format!("user {}", self.uid);
        self.name
            .clone()
            .map_or_else(number, |name| format!("user {name}"))
    }

    /// Becomes it, for good and without its other groups. Capabilities as
    /// [`capabilities::keep_over_user_change`] left them.
    ///
    /// # Errors
    /// The right is missing.
    pub(super) fn assume(&self) -> anyhow::Result<()> {
        let wrong = || format!("becoming {}", self.shown());
        if capabilities::has(Capability::CAP_SETGID) {
            setgroups(&[]).with_context(wrong)?;
        }
        if self.uid != geteuid() {
            setresgid(self.gid, self.gid, self.gid).with_context(wrong)?;
            setresuid(self.uid, self.uid, self.uid).with_context(wrong)?;
        }
        Ok(())
    }
}

fn may_change() -> bool {
    let needed = [
        Capability::CAP_SETUID,
        Capability::CAP_SETGID,
        Capability::CAP_CHOWN,
    ];
    needed.into_iter().all(capabilities::has)
}

/// The output folder, made with mode 0700 where it is absent, and `account`'s: one that was made
/// here, or is root's while the operator says who is to have it, is handed over with its files.
///
/// # Errors
/// It can't be made or opened, or belongs to somebody else.
pub fn make_folder(folder: &Path, account: &Account) -> anyhow::Result<OwnedFd> {
    let made = folder.ancestors().take_while(|path| !path.exists());
    let made: Vec<_> = made.filter(|path| !path.as_os_str().is_empty()).collect();
    let mut builder = DirBuilder::new();
    let builder = builder.recursive(true).mode(0o700);
    builder
        .create(folder)
        .with_context(|| format!("making the output folder {}", folder.display()))?;
    for path in &made {
        give(&open_folder(path)?, account)?;
    }
    let opened = open_folder(folder)?;
    let owner = opened.metadata()?.uid();
    if owner != account.uid() {
        if owner != 0 || !account.is_named {
            bail!(
                "the output folder {} belongs to user {owner}, and the agent would run as {}, who \
                 can't write there: say --user {owner}, or hand it over with `chown -R`",
                folder.display(),
                account.shown()
            );
        }
        hand_over(&opened, account)?;
    }
    Ok(opened.into())
}

/// Gives a folder and the files in it to `account`; what is no plain file or pin stays whose it is.
///
/// # Errors
/// The right is missing.
pub fn hand_over(folder: &impl AsFd, account: &Account) -> anyhow::Result<()> {
    if account.uid == geteuid() {
        return Ok(());
    }
    let entries = rustix::fs::Dir::read_from(folder).context("reading a folder of ours")?;
    for entry in entries {
        let entry = entry.context("reading a folder of ours")?;
        if entry.file_type().is_file() || entry.file_type().is_socket() {
            let (uid, gid) = (Some(account.uid), Some(account.gid));
            let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
            fchownat(folder, entry.file_name(), uid, gid, flags)
                .with_context(|| format!("giving a file to {}", account.shown()))?;
        }
    }
    give(folder, account)
}

/// Gives the folder alone to `account`.
///
/// # Errors
/// The right is missing.
pub fn give(folder: &impl AsFd, account: &Account) -> anyhow::Result<()> {
    if account.uid == geteuid() {
        return Ok(());
    }
    fchown(folder, Some(account.uid), Some(account.gid))
        .with_context(|| format!("giving a folder to {}", account.shown()))
}

fn open_folder(path: &Path) -> anyhow::Result<File> {
    let opened = File::open(path).and_then(|file| {
        if file.metadata()?.is_dir() {
            return Ok(file);
        }
        Err(io::Error::from(io::ErrorKind::NotADirectory))
    });
    opened.with_context(|| format!("opening the folder {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_user_that_is_none_is_told_with_what_makes_one() {
        let error = Account::chosen(Some("nobody-of-that-name")).unwrap_err();
        assert!(error.to_string().contains("useradd"), "{error}");
        let root = Account::named("0").unwrap();
        assert_eq!((root.uid(), root.name()), (0, Some("root")));
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused_by_name() {
        if !geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(folder.path(), Some(4711), Some(4711)).unwrap();
        let error = make_folder(folder.path(), &Account::current()).unwrap_err();
        assert!(error.to_string().contains("--user 4711"), "{error}");
        let named = Account::named("4711").unwrap();
        make_folder(folder.path(), &named).unwrap();
    }

    #[test]
    fn what_is_made_on_the_way_and_what_lies_in_it_is_handed_over() {
        if !geteuid().is_root() {
            return;
        }
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("a/b");
        let owner = |path: &Path| fs::metadata(path).unwrap().uid();
        make_folder(&folder, &Account::current()).unwrap();
        fs::write(folder.join("spool"), "").unwrap();
        let named = Account::named("4711").unwrap();
        make_folder(&folder, &named).unwrap();
        assert_eq!([owner(&folder), owner(&folder.join("spool"))], [4711; 2]);
        let deeper = base.path().join("c/d");
        make_folder(&deeper, &named).unwrap();
        assert_eq!([owner(&deeper), owner(&base.path().join("c"))], [4711; 2]);
        assert_eq!(owner(base.path()), 0);
    }
}
