//! What readers of outside bytes are held to, by the name of their family. The fuzzer (`fuzz/`)
//! calls [`reader`] with bytes of its own; tests call it with the seeds that the repository keeps.
//! The bodies are beside the readers.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{anonymize, audit, live, locate, settings, sink};

/// Lets a reader read, and panics where it breaks a rule.
type Body = fn(&[u8]);

/// Each family with its body.
const READERS: [(&str, Body); 13] = [
    ("geoip", locate::country::fuzz::geoip),
    ("geoip6", locate::country::fuzz::geoip6),
    ("libloc", locate::country::fuzz::libloc),
    ("mmdb", locate::country::fuzz::mmdb),
    ("asn", locate::country::fuzz::asn),
    ("torrc", locate::tor::torrc::fuzz::torrc),
    ("consensus", locate::tor::fuzz::consensus),
    ("configuration", settings::fuzz::configuration),
    ("spool", sink::fuzz::spool),
    ("days", sink::fuzz::days),
    ("budget", anonymize::fuzz::budget),
    ("closed", audit::fuzz::closed),
    ("answer", live::fuzz::answer),
];

/// The names of the families.
pub fn families() -> impl Iterator<Item = &'static str> {
    READERS.iter().map(|(name, _)| *name)
}

/// Lets the readers of the family `name` read `data`.
///
/// # Panics
/// Where a reader panics, or breaks a rule of its own; where there is no such family.
pub fn reader(name: &str, data: &[u8]) {
    let named = READERS.iter().find(|(family, _)| *family == name);
    let (_, body) = named.expect("a family of readers");
    body(data);
}

/// A folder for one input; gone when dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// An empty one.
    pub(crate) fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        // Memory, where the system has such a place.
        let shared = Path::new("/dev/shm");
        let root = if shared.is_dir() {
            shared.to_owned()
        } else {
            env::temp_dir()
        };
        let folder = root.join(format!("collector-fuzz-{}-{number}", process::id()));
        fs::create_dir(&folder).expect("room for a folder");
        Self(folder)
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into it.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("room for a file");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let removed = fs::remove_dir_all(&self.0);
        // What a reader itself took away is gone.
        assert!(!removed.is_err_and(|error| error.kind() != io::ErrorKind::NotFound));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_reads_nothing_and_anything_without_a_panic() {
        for name in families() {
            for data in [&b""[..], b"\n", b"\0\xff\xfe", b"{}\n", b"a = 1\n"] {
                reader(name, data);
            }
        }
    }
}
