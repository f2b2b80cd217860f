//! What is opened before rights are given up, since nothing can be afterwards.

use std::{
    fs::Permissions,
    net::TcpListener,
    os::{
        fd::OwnedFd,
        unix::{fs::PermissionsExt, net::UnixListener},
    },
};

use anyhow::Context;
use rustix::fs::{AtFlags, Mode, OFlags, unlinkat};

use super::{Options, pins::Instance};
use crate::{
    locate::own::Way,
    rights::{self, Account},
};

/// Sockets of a running agent.
#[derive(Debug)]
pub struct Doors {
    /// Where `status` asks; taken by the loop.
    pub(super) status: UnixListener,
    /// Where the metrics page is asked for, where that is wanted.
    pub(super) metrics: Option<TcpListener>,
    /// Whom to ask for the host's addresses.
    pub addresses: Way,
    /// The folder of the status socket, and its name there: it goes when this is dropped.
    folder: OwnedFd,
    name: String,
}

impl Doors {
    /// Opens all of them for the agent of `instance`; the lock on it must be held.
    ///
    /// # Errors
    /// Names what can't be opened.
    pub(super) fn open(instance: &Instance, options: &Options) -> anyhow::Result<Self> {
        let run_root = &options.run_root;
        let addresses = Way::open().context("asking the kernel for addresses")?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(run_root, flags, Mode::empty())
            .with_context(|| format!("opening {}", run_root.display()))?;
        let name = instance.socket_name();
        // The lock is ours, so a socket that is there is a dead agent's.
        let _ = unlinkat(&folder, &name, AtFlags::empty());
        let path = run_root.join(&name);
        let status = UnixListener::bind(&path)
            .with_context(|| format!("listening on {}", path.display()))?;
        let metrics = options.metrics.map(TcpListener::bind).transpose();
        let metrics = metrics.context("listening on the address and port of --metrics")?;
        let doors = Self {
            status,
            metrics,
            addresses,
            folder,
            name,
        };
        doors.status.set_nonblocking(true)?;
        if let Some(metrics) = &doors.metrics {
            metrics.set_nonblocking(true)?;
        }
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok(doors)
    }

    /// Gives the folder of locks and sockets, where it is root's, to whom the agent will be.
    pub(super) fn hand_over(&self, account: &Account) -> anyhow::Result<()> {
        rights::hand_over(&self.folder, account)
    }

    /// For the sandbox.
    pub(super) fn folder(&self) -> std::io::Result<OwnedFd> {
        self.folder.try_clone()
    }
}

impl Drop for Doors {
    fn drop(&mut self) {
        // One that stays is known to be dead, since nobody holds its lock.
        let _ = unlinkat(&self.folder, &self.name, AtFlags::empty());
    }
}
