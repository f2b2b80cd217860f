//! The opener: a small process that opens files of others for the agent, which has no right to.
//!
//! It parses nothing but a request of one kind and one path, and answers with a read-only descriptor.
//! It is started before any thread and before rights are given up, as the same program once more,
//! so that it shares no memory with the agent; it keeps CAP_DAC_READ_SEARCH alone, and ends when
//! the agent does.

mod list;
mod process;
mod wire;

use std::{
    io,
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, ensure};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::Account;

pub use list::{Readable, Wish};
pub use process::run;

/// A path that is on no list.
#[derive(Debug, thiserror::Error)]
#[error(
    "the sandbox keeps it closed: only files that were named at the start are read; name it by its \
     flag (--torrc, --data-dir, --consensus, --geoip, …) and start again"
)]
pub struct Refused;

/// The agent's end.
#[derive(Debug)]
pub struct Opener {
    socket: Mutex<OwnedFd>,
    reads_all: bool,
    has_ended: AtomicBool,
    // Ends with the socket.
    _process: Child,
}

impl Opener {
    /// Starts the process, which is to open what is `readable` as `account`.
    ///
    /// # Errors
    /// It can't be started, or can't close itself in.
    pub fn start(readable: &[Readable], account: &Account) -> anyhow::Result<Self> {
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let process = Command::new("/proc/self/exe")
            .arg0("collector-opener")
            .args([
                "opener",
                &account.uid().to_string(),
                &account.gid().to_string(),
            ])
            .env_clear()
            .current_dir("/")
            .stdin(theirs)
            .stdout(Stdio::null())
            .spawn()
            .context("starting the opener")?;
        for one in readable {
            wire::send(&ours, &one.absolute()?.to_bytes())?;
        }
        wire::send(&ours, &[])?;
        let ready = wire::receive(&ours).context("hearing from the opener")?;
        ensure!(
            matches!(ready.as_slice(), [0 | 1]),
            "the opener did not close itself in; what it said is above"
        );
        Ok(Self {
            socket: Mutex::new(ours),
            reads_all: ready == [1],
            has_ended: AtomicBool::new(false),
            _process: process,
        })
    }

    /// Whether it has CAP_DAC_READ_SEARCH.
    #[must_use]
    pub fn reads_all(&self) -> bool {
        self.reads_all
    }

    /// Whether it was found gone.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }

    /// A descriptor of what is at `path`, for what is wished.
    ///
    /// # Errors
    /// What the opener met, [`Refused`], or that it has ended.
    pub(super) fn ask(&self, wish: Wish, path: &Path) -> io::Result<OwnedFd> {
        let request = wish.to_bytes(&std::path::absolute(path)?);
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = wire::send(&*socket, &request).and_then(|()| wire::receive_answer(&*socket));
        match answer {
            Ok(Ok(opened)) => Ok(opened),
            Ok(Err(number)) if number == wire::REFUSED => {
                Err(io::Error::new(io::ErrorKind::PermissionDenied, Refused))
            }
            Ok(Err(number)) => Err(io::Error::from_raw_os_error(number)),
            Err(error) => {
                self.has_ended.store(true, Ordering::Relaxed);
                Err(error)
            }
        }
    }
}

/// The packaged places of what tor reads and writes.
#[must_use]
pub fn packaged() -> Vec<Readable> {
    let files = [
        "/etc/passwd",
        "/usr/share/tor/tor-service-defaults-torrc",
        "/usr/share/tor/defaults-torrc",
        "/usr/share/tor/geoip",
        "/usr/share/tor/geoip6",
    ];
    let files = files.map(|path| Readable::File(path.into()));
    let folders = [
        Readable::Tree("/etc/tor".into()),
        Readable::Data("/var/lib/tor".into()),
        Readable::Datas("/var/lib/tor-instances".into()),
    ];
    files.into_iter().chain(folders).collect()
}

/// A torrc with what is included from the folder that stands beside it for that.
#[must_use]
pub fn torrc(path: &Path) -> [Readable; 2] {
    let beside = path.with_file_name("torrc.d");
    [Readable::File(path.to_owned()), Readable::Tree(beside)]
}

/// Exactly these files.
pub fn files<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> impl Iterator<Item = Readable> {
    paths.into_iter().cloned().map(Readable::File)
}
