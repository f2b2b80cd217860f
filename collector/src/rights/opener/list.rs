//! What may be read, and what is asked for.

use std::{
    ffi::OsStr,
    io,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

use crate::locate::tor::CACHED_CONSENSUS;

/// Something that may be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readable {
    /// One file.
    File(PathBuf),
    /// Each file below a folder, and the names there.
    Tree(PathBuf),
    /// The consensus files of a data directory of tor, and nothing else there: not its keys.
    Data(PathBuf),
    /// The same of each folder in this one.
    Datas(PathBuf),
}

impl Readable {
    fn parts(&self) -> (u8, &PathBuf) {
        match self {
            Self::File(path) => (b'f', path),
            Self::Tree(path) => (b't', path),
            Self::Data(path) => (b'd', path),
            Self::Datas(path) => (b'D', path),
        }
    }

    fn of(kind: u8, path: PathBuf) -> Option<Self> {
        match kind {
            b'f' => Some(Self::File(path)),
            b't' => Some(Self::Tree(path)),
            b'd' => Some(Self::Data(path)),
            b'D' => Some(Self::Datas(path)),
            _ => None,
        }
    }

    /// The same, from the root on.
    pub(super) fn absolute(&self) -> io::Result<Self> {
        let (kind, path) = self.parts();
        let path = std::path::absolute(path)?;
        Self::of(kind, path).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let (kind, path) = self.parts();
        [&[kind], path.as_os_str().as_bytes()].concat()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, path) = bytes.split_first()?;
        Self::of(*kind, OsStr::from_bytes(path).into())
    }

    /// The folder below which all of it is, and whether its names are told.
    pub(super) fn folder(&self) -> (&Path, bool) {
        match self {
            Self::File(path) => (path.parent().unwrap_or(path), false),
            Self::Tree(path) => (path, true),
            Self::Data(path) | Self::Datas(path) => (path, false),
        }
    }

    fn allows(&self, wish: Wish, path: &Path) -> bool {
        let is_consensus = path
            .file_name()
            .is_some_and(|name| CACHED_CONSENSUS.iter().any(|one| name == *one));
        let folder = path.parent();
        let above = folder.and_then(Path::parent);
        match (self, wish) {
            (Self::File(file), Wish::Read | Wish::About) => path == file,
            (Self::File(_), Wish::List) => false,
            (Self::Tree(tree), _) => path.starts_with(tree),
            (Self::Data(data), Wish::Read) => folder == Some(data) && is_consensus,
            (Self::Data(data), Wish::About) => {
                path == data || (folder == Some(data) && is_consensus)
            }
            (Self::Datas(datas), Wish::Read) => above == Some(datas) && is_consensus,
            (Self::Datas(datas), Wish::About) => {
                folder == Some(datas) || (above == Some(datas) && is_consensus)
            }
            (Self::Data(_) | Self::Datas(_), Wish::List) => false,
        }
    }

    /// A link in the place of a file is followed, but in tor's folders: tor makes none there, and
    /// its own user could lead one to its keys.
    fn follows_links(&self) -> bool {
        matches!(self, Self::File(_) | Self::Tree(_))
    }
}

/// What a descriptor is to be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Reading a file.
    Read,
    /// Listing a folder.
    List,
    /// Telling what is there, and when it changed.
    About,
}

impl Wish {
    pub(super) fn to_bytes(self, path: &Path) -> Vec<u8> {
        let wish = match self {
            Self::Read => b'r',
            Self::List => b'l',
            Self::About => b'a',
        };
        [&[wish], path.as_os_str().as_bytes()].concat()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<(Self, &Path)> {
        let (wish, path) = bytes.split_first()?;
        let wish = match wish {
            b'r' => Self::Read,
            b'l' => Self::List,
            b'a' => Self::About,
            _ => return None,
        };
        Some((wish, Path::new(OsStr::from_bytes(path))))
    }
}

/// Whether `path` is on the list for that; `Some(true)`: links are followed.
pub(super) fn judge(list: &[Readable], wish: Wish, path: &Path) -> Option<bool> {
    let mut parts = path.components();
    let is_plain = parts.next() == Some(Component::RootDir)
        && parts.all(|part| matches!(part, Component::Normal(_)));
    if !is_plain {
        return None;
    }
    let allowing = list.iter().find(|one| one.allows(wish, path))?;
    Some(allowing.follows_links())
}

#[cfg(test)]
mod tests {
    use super::{Wish::*, *};

    fn list() -> Vec<Readable> {
        vec![
            Readable::File("/srv/torrc".into()),
            Readable::Tree("/etc/tor".into()),
            Readable::Data("/var/lib/tor".into()),
            Readable::Datas("/var/lib/tor-instances".into()),
        ]
    }

    #[test]
    fn of_a_data_directory_the_consensus_is_read_and_never_a_key() {
        let list = list();
        let judged = |path: &str| judge(&list, Read, Path::new(path));
        for folder in ["/var/lib/tor", "/var/lib/tor-instances/b"] {
            let path = |name: &str| format!("{folder}/{name}");
            assert_eq!(judged(&path("cached-consensus")), Some(false));
            assert_eq!(judged(&path("cached-microdesc-consensus")), Some(false));
            for other in [
                "keys/secret_id_key",
                "keys/cached-consensus/x",
                "state",
                "fingerprint",
            ] {
                assert_eq!(judged(&path(other)), None, "{other}");
            }
            assert_eq!(judge(&list, List, Path::new(folder)), None);
            assert_eq!(judge(&list, About, Path::new(folder)), Some(false));
        }
        assert_eq!(judged("/var/lib/tor/keys/cached-consensus"), None);
    }

    #[test]
    fn a_path_that_goes_up_or_begins_nowhere_is_refused() {
        for path in [
            "/etc/tor/../shadow",
            "etc/tor/torrc",
            "",
            "/etc/torrc",
            "/srv/torrc/x",
            "/srv/torrc/../torrc",
        ] {
            assert_eq!(judge(&list(), Read, Path::new(path)), None, "{path}");
        }
        assert_eq!(judge(&list(), Read, Path::new("/srv/torrc")), Some(true));
        assert_eq!(judge(&list(), List, Path::new("/srv/torrc")), None);
        assert_eq!(
            judge(&list(), List, Path::new("/etc/tor/torrc.d")),
            Some(true)
        );
    }

    #[test]
    fn what_is_told_is_understood_and_nothing_else() {
        for one in list() {
            assert_eq!(Readable::from_bytes(&one.to_bytes()), Some(one));
        }
        for wish in [Read, List, About] {
            let path = Path::new("/etc/tor");
            assert_eq!(Wish::from_bytes(&wish.to_bytes(path)), Some((wish, path)));
        }
        for bytes in [&b""[..], b"x/etc/tor", b"\xff"] {
            assert_eq!(Readable::from_bytes(bytes), None);
            assert_eq!(Wish::from_bytes(bytes), None);
        }
    }
}
