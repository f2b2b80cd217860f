//! The two namespaces, the cable between them, and who runs where.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus},
    sync::{Arc, atomic::AtomicBool},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{clients, namespace::Namespace, servers, tls::Tls};
use crate::command;

/// The interface that is metered; in its namespace only.
pub(super) const METERED: &str = "demo0";

/// Documentation prefixes (RFC 5737, RFC 3849): at no place on the Internet.
pub(super) const SERVERS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

/// How long the agent may take to write what it holds.
const PATIENCE: Duration = Duration::from_secs(30);

/// Clients and agent on one side, servers on the other.
pub(super) struct Sandbox {
    near: Namespace,
    far: Namespace,
    tls: Tls,
}

impl Sandbox {
    /// Needs root and `ip` (package iproute2).
    pub(super) fn create() -> Result<Self> {
        let sandbox = Self {
            near: Namespace::create()?,
            far: Namespace::create()?,
            tls: Tls::new()?,
        };
        let far = sandbox.far.id();
        let cable = format!("link add {METERED} type veth peer name eth0 netns {far}");
        ip(&sandbox.near, &cable)?;
        set_up(&sandbox.near, METERED, 2)?;
        set_up(&sandbox.far, "eth0", 1)?;
        Ok(sandbox)
    }

    pub(super) fn serve(&self) -> Result<()> {
        let tls = self.tls.clone();
        self.far.run(move || servers::start(&tls))?
    }

    pub(super) fn start_clients(&self, stop: &Arc<AtomicBool>) -> Result<()> {
        let (tls, stop) = (self.tls.clone(), Arc::clone(stop));
        self.near.run(move || clients::start(&tls, &stop))
    }

    pub(super) fn start_agent(&self, mut command: Command) -> Result<Agent> {
        // Ctrl-C in the terminal is for us; the agent is told when the clients have stopped.
        command.process_group(0);
        let shown = command::shown(&command);
        let child = self.near.run(move || command.spawn())?;
        let child = child.with_context(|| format!("starting `{shown}`"))?;
        Ok(Agent { child })
    }
}

fn set_up(namespace: &Namespace, interface: &str, host: u8) -> Result<()> {
    ip(
        namespace,
        &format!("address add 192.0.2.{host}/24 dev {interface}"),
    )?;
    // Without nodad the address can't be used for the first seconds.
    ip(
        namespace,
        &format!("address add 2001:db8::{host}/64 dev {interface} nodad"),
    )?;
    ip(namespace, &format!("link set {interface} up"))
}

fn ip(namespace: &Namespace, arguments: &str) -> Result<()> {
    let mut command = Command::new("ip");
    command.args(arguments.split(' '));
    let outcome = namespace.run(move || command::run(&mut command))?;
    outcome.context("`ip` is in the package iproute2")
}

/// The running agent. Never left behind.
pub(super) struct Agent {
    child: Child,
}

impl Agent {
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Asks it to drain and exit, and does `meanwhile` until it has.
    pub(super) fn stop(&mut self, mut meanwhile: impl FnMut() -> Result<()>) -> Result<ExitStatus> {
        kill(self.id()?, Signal::SIGTERM).context("stopping the agent")?;
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            meanwhile()?;
            thread::sleep(Duration::from_millis(50));
        }
        bail!("the agent did not end within {} s", PATIENCE.as_secs());
    }

    fn id(&self) -> Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.child.id())?))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
