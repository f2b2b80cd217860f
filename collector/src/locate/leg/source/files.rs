//! Files that are read again when they change. Trouble is logged once, and what was read before
//! stays in use.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use tracing::{info, warn};

use super::Known;
use crate::locate::{
    tor::{CACHED_CONSENSUS, FileError, consensus::Consensus, torrc::Torrc},
    watched::Watched,
};

/// Trouble that the log holds.
#[derive(Debug, Default)]
pub(super) struct Told(Option<String>);

impl Told {
    /// Logs trouble that is new.
    pub(super) fn hear(&mut self, trouble: Option<String>) {
        if self.0 == trouble {
            return;
        }
        if let Some(trouble) = &trouble {
            warn!("{trouble}");
        }
        self.0 = trouble;
    }
}

/// A torrc. Read each time: what it includes may be anywhere.
#[derive(Debug)]
pub(super) struct TorrcFile {
    path: PathBuf,
    torrc: Option<Torrc>,
    wrong: Option<FileError>,
    told: Told,
}

impl TorrcFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            torrc: None,
            wrong: None,
            told: Told::default(),
        }
    }

    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    pub(super) fn torrc(&self) -> Option<&Torrc> {
        self.torrc.as_ref()
    }

    pub(super) fn take_error(&mut self) -> Option<FileError> {
        self.wrong.take()
    }

    /// Whether it says something else than before.
    pub(super) fn look(&mut self, root: &Path) -> bool {
        match Torrc::read(&self.path, root) {
            Ok(torrc) => {
                self.wrong = None;
                let torrc = Some(torrc);
                let changed = torrc != self.torrc;
                self.torrc = torrc;
                changed
            }
            Err(error) => {
                self.wrong = Some(error);
                false
            }
        }
    }

    pub(super) fn complain(&mut self) {
        let wrong = self.wrong.as_ref();
        self.told.hear(wrong.map(|error| {
            format!("torrc {error}; what it said before holds until it is put right")
        }));
    }
}

/// Where a consensus is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A relay's data directory.
    Folder(PathBuf),
    File(PathBuf),
}

/// A place with one or two consensus files, of which the freshest counts.
#[derive(Debug)]
pub(super) struct Place {
    wanted: Wanted,
    files: Vec<ConsensusFile>,
    told: Told,
}

impl Place {
    pub(super) fn new(wanted: Wanted) -> Self {
        let files = match &wanted {
            Wanted::Folder(folder) => CACHED_CONSENSUS.map(|name| folder.join(name)).into(),
            Wanted::File(path) => vec![path.clone()],
        };
        Self {
            wanted,
            files: files.into_iter().map(ConsensusFile::new).collect(),
            told: Told::default(),
        }
    }

    pub(super) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    pub(super) fn take_error(&mut self) -> Option<FileError> {
        self.files.iter_mut().find_map(|file| file.wrong.take())
    }

    /// Whether there is another consensus.
    pub(super) fn look(&mut self) -> bool {
        let changed = self.files.iter_mut().map(ConsensusFile::look);
        changed.fold(false, |any, one| any | one)
    }

    pub(super) fn freshest(&self) -> Option<&Arc<Consensus>> {
        let known = self.files.iter().filter_map(|file| file.consensus.as_ref());
        known.max_by_key(|consensus| consensus.valid_after)
    }

    pub(super) fn known(&self) -> Option<Known> {
        self.freshest().map(|consensus| Known {
            relays: consensus.relays(),
            valid_after: consensus.valid_after,
            valid_until: consensus.valid_until,
        })
    }

    /// `now` is `None` where it does not matter how old a consensus is.
    pub(super) fn complain(&mut self, now: Option<Timestamp>) {
        let trouble = self.trouble(now);
        self.told.hear(trouble);
    }

    pub(super) fn trouble(&self, now: Option<Timestamp>) -> Option<String> {
        let mut wrong = self.files.iter().filter_map(|file| file.wrong.as_ref());
        // A relay writes one flavour; before it has, there is none.
        if let Some(error) = wrong.find(|error| !error.is_missing()) {
            return Some(format!(
                "consensus {error}; what was read before it stays in use"
            ));
        }
        let (Wanted::Folder(path) | Wanted::File(path)) = &self.wanted;
        let path = path.display();
        let Some(known) = self.known() else {
            return Some(format!(
                "no consensus in {path}: connections to other relays can't be told from exit \
                 traffic until tor has written one (or say --data-dir DIR)"
            ));
        };
        now.is_some_and(|now| known.is_stale(now)).then(|| {
            format!("the consensus in {path} is out of date: does tor run and reach its network?")
        })
    }
}

#[derive(Debug)]
struct ConsensusFile {
    file: Watched,
    consensus: Option<Arc<Consensus>>,
    wrong: Option<FileError>,
}

impl ConsensusFile {
    fn new(path: PathBuf) -> Self {
        Self {
            file: Watched::new(path),
            consensus: None,
            wrong: None,
        }
    }

    fn look(&mut self) -> bool {
        let is_read = self.consensus.is_some() || self.wrong.is_some();
        if !self.file.changed() && is_read {
            return false;
        }
        let path = self.file.path();
        match Consensus::read(path) {
            Ok(consensus) => {
                info!(file = %path.display(), relays = consensus.relays(), "consensus read");
                self.consensus = Some(Arc::new(consensus));
                self.wrong = None;
                true
            }
            Err(error) => {
                self.wrong = Some(error);
                false
            }
        }
    }
}

/// Makes `held` what is `wanted`, keeping what stays; whether anything came or went.
pub(super) fn follow<K: PartialEq, T>(
    held: &mut Vec<T>,
    wanted: Vec<K>,
    key: fn(&T) -> &K,
    new: fn(K) -> T,
) -> bool {
    let same = held.len() == wanted.len()
        && held
            .iter()
            .zip(&wanted)
            .all(|(one, wanted)| key(one) == wanted);
    if same {
        return false;
    }
    let mut before = std::mem::take(held);
    for wanted in wanted {
        let known = before.iter().position(|one| *key(one) == wanted);
        held.push(match known {
            Some(index) => before.swap_remove(index),
            None => new(wanted),
        });
    }
    true
}
