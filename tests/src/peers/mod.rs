//! Real servers inside a namespace: each with a folder of its own, on all addresses, IPv4 and
//! IPv6, ended when dropped.

mod certificate;
mod dnsmasq;
mod iperf;
mod nginx;
mod smtp;
mod sshd;
mod unbound;

use std::{
    fs,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tempfile::TempDir;

pub use self::{
    certificate::Certificate,
    dnsmasq::dnsmasq,
    iperf::iperf_server,
    nginx::{PAGES, Page, nginx},
    smtp::smtp_server,
    sshd::{CLIENT_KEY, sshd},
    unbound::unbound,
};
use crate::netns::Namespace;

/// The server name of the certificates, the mail server and the DNS record.
pub const SERVER_NAME: &str = "www.example";

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    folder: TempDir,
}

impl Server {
    /// Starts a command in a process group of its own and waits until the namespace listens on
    /// all of `ports`. What the server says goes to the file `log` in its folder.
    fn start(
        namespace: &Namespace,
        folder: TempDir,
        command: &mut Command,
        ports: &[u16],
    ) -> Result<Self> {
        let log = fs::File::create(folder.path().join("log"))?;
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {command:?}"))?;
        let mut server = Self { child, folder };
        server.wait_for(namespace, ports)?;
        Ok(server)
    }

    /// The server's own files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn wait_for(&mut self, namespace: &Namespace, ports: &[u16]) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let listening = listening_ports(namespace)?;
            if ports.iter().all(|port| listening.contains(port)) {
                return Ok(());
            }
            let exited = self.child.try_wait()?;
            if exited.is_some() || Instant::now() > end {
                let log = fs::read_to_string(self.folder.path().join("log"))?;
                bail!("no listener on {ports:?}, exit {exited:?}: {log}");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.child.id().cast_signed());
        // The group may be gone already; the wait reaps what is left of it.
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// TCP ports that a socket of the namespace listens on: read from /proc, because a connection
/// made to find out would be a flow.
fn listening_ports(namespace: &Namespace) -> Result<Vec<u16>> {
    const LISTEN: &str = "0A";
    let _inside = namespace.enter()?;
    let mut ports = Vec::new();
    for table in ["tcp", "tcp6"] {
        let text = fs::read_to_string(format!("/proc/thread-self/net/{table}"))?;
        ports.extend(text.lines().skip(1).filter_map(|line| {
            let mut fields = line.split_whitespace();
            let (_, port) = fields.nth(1)?.rsplit_once(':')?;
            (fields.nth(1)? == LISTEN).then(|| u16::from_str_radix(port, 16).ok())?
        }));
    }
    Ok(ports)
}

fn folder() -> Result<TempDir> {
    let folder = tempfile::Builder::new()
        .prefix("collector-peer-")
        .tempdir()?;
    Ok(folder)
}
