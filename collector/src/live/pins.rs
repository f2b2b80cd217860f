//! Where maps and links are pinned, and the lock that tells a crash from a second agent.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::{
        fd::OwnedFd,
        linux::fs::MetadataExt,
        unix::fs::{DirBuilderExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use aya::maps::{MapData, MapInfo};
use collector_common::{LAYOUT_VERSION, names};
use nix::fcntl::{Flock, FlockArg};
use rustix::fs::{AtFlags, Mode, OFlags, renameat, unlinkat};

use super::interface::Interface;
use crate::rights::{self, Account};

/// Where pins go unless told otherwise.
pub const PIN_ROOT: &str = "/sys/fs/bpf/collector";
/// Where locks and sockets go unless told otherwise.
pub const RUN_ROOT: &str = "/run/collector";

/// A name for a set of interfaces that no other set on this host has: bpffs is shared between
/// network namespaces, and interfaces may be renamed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance(String);

impl Instance {
    /// # Errors
    /// Where /proc does not tell the network namespace.
    pub fn of(interfaces: &[Interface]) -> anyhow::Result<Self> {
        let mut indexes: Vec<_> = interfaces.iter().map(|interface| interface.index).collect();
        indexes.sort_unstable();
        let indexes: Vec<_> = indexes.iter().map(u32::to_string).collect();
        Ok(Self(format!("{}_if{}", namespace()?, indexes.join("_"))))
    }

    /// The socket that `status` asks.
    #[must_use]
    pub fn socket(&self, root: &Path) -> PathBuf {
        root.join(self.socket_name())
    }

    /// Its name in the folder of sockets.
    #[must_use]
    pub(super) fn socket_name(&self) -> String {
        format!("{}.sock", self.0)
    }
}

/// The network namespace, as names of instances have it.
fn namespace() -> anyhow::Result<String> {
    let namespace = fs::metadata("/proc/thread-self/ns/net");
    let number = namespace
        .context("the number of the network namespace")?
        .st_ino();
    Ok(format!("net{number}"))
}

/// A folder of one instance and one layout, mode 0700, on bpffs.
#[derive(Clone, Debug)]
pub(super) struct PinFolder {
    path: PathBuf,
}

impl PinFolder {
    /// The folder of `instance` below `root`; nothing is created.
    #[must_use]
    pub(super) fn of(root: &Path, instance: &Instance) -> Self {
        Self {
            path: root.join(format!("v{LAYOUT_VERSION}_{}", instance.0)),
        }
    }

    /// Where it is.
    #[must_use]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether agents of this layout version made it.
    #[must_use]
    pub(super) fn has_our_layout(&self) -> bool {
        self.name().starts_with(&format!("v{LAYOUT_VERSION}_"))
    }

    /// Numbers of the interfaces whose packets were counted here.
    #[must_use]
    pub(super) fn indexes(&self) -> Vec<u32> {
        let name = self.name();
        let indexes = name.rsplit_once("_if").map_or("", |(_, indexes)| indexes);
        let numbers = indexes.split('_').map(str::parse);
        numbers.filter_map(Result::ok).collect()
    }

    fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Makes room for another folder of this name.
    ///
    /// # Errors
    /// It can't be renamed.
    pub(super) fn set_aside(self) -> anyhow::Result<Self> {
        let aside = |number: u32| {
            self.path
                .with_file_name(format!("{}_left{number}", self.name()))
        };
        let free = (1..).map(aside).find(|path| !path.exists());
        let path = free.context("no name is free")?;
        fs::rename(&self.path, &path)
            .with_context(|| format!("renaming {}", self.path.display()))?;
        Ok(Self { path })
    }

    /// Makes the folder.
    ///
    /// # Errors
    /// Where bpffs is not mounted or the right is missing.
    pub(super) fn create(&self) -> anyhow::Result<()> {
        let gone = self.path.with_file_name(gone(&self.name()));
        removed(&gone).with_context(|| format!("removing {}", gone.display()))?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path)
            .with_context(|| {
                format!(
                    "making {}: is bpffs mounted (mount -t bpf bpf /sys/fs/bpf), and are you root? \
                 --no-pin does without",
                    self.path.display()
                )
            })
    }

    /// The path of `name` in the folder.
    #[must_use]
    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether a crash left something here.
    #[must_use]
    pub(super) fn holds_maps(&self) -> bool {
        self.join(names::FLOWS).exists()
    }

    /// Unpins everything and removes the folder; what is gone already is no error.
    ///
    /// # Errors
    /// Where an entry can't be removed.
    pub(super) fn remove(&self) -> io::Result<()> {
        removed(&self.path)
    }

    /// Unpins the links, which takes their programs off; the maps stay.
    ///
    /// # Errors
    /// Where an entry can't be removed.
    pub(super) fn unhook(&self) -> io::Result<()> {
        self.open()?.unhook()
    }

    /// The folder, held for the time when no way leads there any more.
    ///
    /// # Errors
    /// It is not there, or can't be opened.
    pub(super) fn open(&self) -> io::Result<OpenPins> {
        OpenPins::open(&self.path)
    }

    /// Compares a pinned map with what this binary declares. aya would reuse it unseen, and a
    /// value of another size is memory of another shape.
    ///
    /// # Errors
    /// Names the difference.
    pub(super) fn check(&self, name: &str, declared: &Declared) -> anyhow::Result<()> {
        let path = self.join(name);
        if !path.exists() {
            return Ok(());
        }
        let info = MapInfo::from_pin(&path)
            .with_context(|| format!("reading the pinned map {}", path.display()))?;
        let found = Declared::of(&info)?;
        if found != *declared {
            bail!(
                "the pinned map {name} is {found:?} where this binary has {declared:?}: an agent \
                 of another version or another --table-size left it; run the same version again, \
                 or `collector detach` to drop what it holds"
            );
        }
        Ok(())
    }
}

/// Unpins everything in a folder and removes it; one that is not there is no error.
fn removed(folder: &Path) -> io::Result<()> {
    match OpenPins::open(folder) {
        Ok(opened) => opened.remove(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Begins the name under which a folder is removed, which is no pin folder's.
const GONE: &str = "gone_";

fn gone(folder: &str) -> String {
    format!("{GONE}{folder}")
}

/// A pin folder and those that it is in, by descriptor: pins are removed without a path to them.
#[derive(Debug)]
pub(super) struct OpenPins {
    folder: OwnedFd,
    /// Each folder above with the name of what is in it.
    above: Vec<(OwnedFd, OsString)>,
}

impl OpenPins {
    fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = |path: &Path, kind| rustix::fs::open(path, flags | kind, Mode::empty());
        let mut above = Vec::new();
        for path in path.ancestors().take(2) {
            if let (Some(folder), Some(name)) = (path.parent(), path.file_name()) {
                above.push((opened(folder, OFlags::PATH)?, name.to_owned()));
            }
        }
        let folder = opened(path, OFlags::empty())?;
        Ok(Self { folder, above })
    }

    /// Removes one pin; the object stays while somebody holds it.
    pub(super) fn unpin(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.folder, name, AtFlags::empty())?)
    }

    /// Unpins everything and removes the folder. Maps go all at once, by a new name: whoever is
    /// killed meanwhile must not leave a part of them to the next agent.
    ///
    /// # Errors
    /// Where an entry can't be removed.
    pub(super) fn remove(&self) -> io::Result<()> {
        self.unhook()?;
        let mut above = self.above.iter();
        if let Some((root, name)) = above.next() {
            let name = name.to_string_lossy();
            let last = gone(name.trim_start_matches(GONE));
            renameat(root, name.as_ref(), root, &last)?;
            self.unpin_all(|_| true)?;
            unlinkat(root, &last, AtFlags::REMOVEDIR)?;
        }
        for (folder, name) in above {
            // It goes when nobody else is in it, and if that is ours to do.
            let _ = unlinkat(folder, name, AtFlags::REMOVEDIR);
        }
        Ok(())
    }

    /// Unpins the links, which takes their programs off; the maps stay.
    fn unhook(&self) -> io::Result<()> {
        self.unpin_all(|name| name.starts_with(b"if"))
    }

    fn unpin_all(&self, called: impl Fn(&[u8]) -> bool) -> io::Result<()> {
        for entry in rustix::fs::Dir::read_from(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") && called(name.to_bytes()) {
                unlinkat(&self.folder, name, AtFlags::empty())?;
            }
        }
        Ok(())
    }

    /// Gives folder and pins to whom the agent will be.
    pub(super) fn hand_over(&self, account: &Account) -> anyhow::Result<()> {
        let root = self.above.first().map(|(folder, _)| folder);
        if let Some(root) = root {
            let root = rustix::fs::openat(
                root,
                ".",
                OFlags::DIRECTORY | OFlags::CLOEXEC,
                Mode::empty(),
            )?;
            rights::give(&root, account)?;
        }
        rights::hand_over(&self.folder, account)
    }

    /// For the sandbox: where pins are, and what becomes empty.
    pub(super) fn folders(&self) -> io::Result<(OwnedFd, Vec<OwnedFd>)> {
        let above = self.above.iter().map(|(folder, _)| folder.try_clone());
        Ok((self.folder.try_clone()?, above.collect::<Result<_, _>>()?))
    }
}

/// What must agree before a pinned map is reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    kind: u32,
    key: u32,
    value: u32,
    entries: u32,
    flags: u32,
}

impl Declared {
    fn of(info: &MapInfo) -> anyhow::Result<Self> {
        Ok(Self {
            kind: info.map_type()? as u32,
            key: info.key_size(),
            value: info.value_size(),
            entries: info.max_entries(),
            flags: info.map_flags(),
        })
    }

    /// From the kernel object, with the number of entries that will be set.
    #[must_use]
    pub(super) fn from_object(map: &aya_obj::Map, entries: Option<u32>) -> Self {
        Self {
            kind: map.map_type(),
            key: map.key_size(),
            value: map.value_size(),
            entries: entries.unwrap_or_else(|| map.max_entries()),
            flags: map.map_flags(),
        }
    }
}

/// What helps where locks can't be made.
const RUN_ADVICE: &str = "are you root? --run-dir names another place";

/// Held for as long as an agent meters its interfaces; the kernel lets go of it with the process.
pub(super) struct Lock {
    _files: Vec<Flock<File>>,
}

impl Lock {
    /// Locks each interface.
    ///
    /// # Errors
    /// Another agent holds one of them: it is named with its process number.
    pub(super) fn take(root: &Path, interfaces: &[Interface]) -> anyhow::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(root)
            .with_context(|| format!("making {}: {RUN_ADVICE}", root.display()))?;
        let mut files = Vec::new();
        for interface in interfaces {
            files.push(lock_one(root, interface.index, &interface.name)?);
        }
        Ok(Self { _files: files })
    }

    /// Locks interfaces that are gone, in a folder that is there.
    ///
    /// # Errors
    /// An agent that has not yet noticed holds one of them.
    pub(super) fn take_gone(root: &Path, indexes: &[u32]) -> anyhow::Result<Self> {
        let locked = indexes.iter().map(|index| lock_one(root, *index, "it"));
        let files = locked.collect::<Result<_, _>>()?;
        Ok(Self { _files: files })
    }
}

fn lock_one(root: &Path, index: u32, interface: &str) -> anyhow::Result<Flock<File>> {
    let path = root.join(format!("{}_if{index}.lock", namespace()?));
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("opening {}: {RUN_ADVICE}", path.display()))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            lock.set_len(0)?;
            lock.rewind()?;
            write!(lock, "{}", std::process::id())?;
            Ok(lock)
        }
        Err((mut file, nix::errno::Errno::EWOULDBLOCK)) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder)?;
            bail!(
                "another agent (process {holder}) meters {interface}; stop it first, or ask it \
                 with `collector status`"
            )
        }
        Err((_, error)) => Err(error).with_context(|| format!("locking {}", path.display())),
    }
}

/// Every pin folder of any instance and layout that names one of `interfaces`.
///
/// # Errors
/// As [`folders_in_namespace`].
pub(super) fn folders_naming(
    root: &Path,
    interfaces: &[Interface],
) -> anyhow::Result<Vec<PinFolder>> {
    let mut folders = folders_in_namespace(root)?;
    folders.retain(|folder| {
        let indexes = folder.indexes();
        interfaces.iter().any(|one| indexes.contains(&one.index))
    });
    Ok(folders)
}

/// Every pin folder of any instance and layout in this network namespace.
///
/// # Errors
/// Where the root can't be read for another reason than that it is not there.
pub(super) fn folders_in_namespace(root: &Path) -> anyhow::Result<Vec<PinFolder>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error).with_context(|| format!("reading {}", root.display())),
    };
    let namespace = namespace()?;
    for entry in entries {
        let folder = PinFolder {
            path: entry?.path(),
        };
        if is_in(&folder.name(), &namespace) {
            found.push(folder);
        }
    }
    Ok(found)
}

/// Whether the folder `v1_net4026_if2_if3` … belongs to the namespace `net4026`.
fn is_in(folder: &str, namespace: &str) -> bool {
    let rest = folder.split_once('_').map_or("", |(_, rest)| rest);
    let rest = rest.strip_prefix(namespace);
    rest.is_some_and(|rest| rest.starts_with("_if"))
}

/// The map's number in this kernel, unique while it is up.
///
/// # Errors
/// Where the kernel does not tell.
pub(super) fn map_number(map: &MapData) -> anyhow::Result<u32> {
    Ok(map.info()?.id())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indexes(name: &str) -> Vec<u32> {
        let path = name.into();
        PinFolder { path }.indexes()
    }

    #[test]
    fn a_folder_names_each_interface_of_its_set_and_no_other() {
        assert_eq!(indexes("v1_net40_if2_13"), [2, 13]);
        assert_eq!(indexes("v9_net40_if2"), [2]);
        assert_eq!(indexes("v1_net40_if2_13_left1"), [2, 13], "moved aside");
        assert!(indexes("nonsense").is_empty());
    }

    #[test]
    fn a_folder_belongs_to_one_namespace() {
        assert!(is_in("v1_net40_if2_13", "net40"));
        assert!(is_in("v9_net40_if2_left2", "net40"));
        assert!(!is_in("v1_net401_if2", "net40"));
        assert!(!is_in("nonsense", "net40"));
    }
}
