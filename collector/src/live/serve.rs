//! Drives the agent: ticks on whole seconds, rings, signals, the status socket.

use std::{
    net::SocketAddr,
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    path::Path,
    time::Duration,
};

use anyhow::Context;
use tokio::{
    io::unix::AsyncFd,
    net::{TcpListener, UnixListener},
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at},
};
use tracing::{info, warn};

use super::{
    agent::{Agent, Summary},
    sys,
};
use crate::{
    pipeline::Tap,
    process::leaving_no_trace,
    watching::{
        clients::{self, Asked, Question},
        notify::Notify,
    },
};

/// Between two passes over the table.
const TICK: Duration = Duration::from_secs(1);
/// How often the rings are looked at; a ring that fills up wakes the agent before.
const DRAIN_EVERY: Duration = Duration::from_millis(100);

/// What the loop waits for beside time and signals.
struct Doors {
    /// Of those who watch.
    asked: mpsc::Receiver<Asked>,
    late: AsyncFd<OwnedFd>,
    overflow: AsyncFd<OwnedFd>,
}

impl Doors {
    fn open<T: Tap>(agent: &Agent<T>, socket: &Path) -> anyhow::Result<Self> {
        let [late, overflow] = agent.rings()?.map(sys::watch);
        let metrics = agent.metrics().map(listen_for_metrics).transpose()?;
        Ok(Self {
            asked: clients::receive(listen(socket)?, metrics),
            late: late?,
            overflow: overflow?,
        })
    }
}

/// Starts an agent and meters until SIGTERM or SIGINT, or until the host takes its hooks away, then
/// stops cleanly. SIGHUP calls `reload`. Signals are caught
/// before the start: one that comes meanwhile stops the agent when it is up, and nothing stays
/// attached.
///
/// # Errors
/// Those of `start`, [`Agent::tick`] and [`Agent::stop`]; a socket that can't be made: then the
/// agent is stopped first.
pub async fn serve<T: Tap>(
    start: impl FnOnce() -> anyhow::Result<Agent<T>>,
    mut reload: impl FnMut(&mut Agent<T>),
    run_root: &Path,
) -> anyhow::Result<(Summary, T)> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut notify = Notify::from_environment()?;
    let mut agent = leaving_no_trace(start)?;
    let socket = agent.instance().socket(run_root);
    let begun = agent.begin_draining();
    let mut doors = match begun.and_then(|()| Doors::open(&agent, &socket)) {
        Ok(doors) => doors,
        Err(error) => {
            agent.stop()?;
            return Err(error);
        }
    };
    let mut ticks = interval_at(Instant::now() + until_next_second(), TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let halfway = Instant::now() + until_next_second() + TICK / 2;
    let mut settles = interval_at(halfway, TICK);
    settles.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut drains = interval_at(Instant::now() + DRAIN_EVERY, DRAIN_EVERY);
    drains.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => leaving_no_trace(|| reload(&mut agent)),
            _ = ticks.tick() => {
                leaving_no_trace(|| agent.tick(sys::boot_time()))?;
                notify.ticked(|| agent.words());
                if let Some(why) = agent.ended() {
                    warn!("{why}");
                    break;
                }
            }
            _ = settles.tick() => leaving_no_trace(|| agent.settle())?,
            _ = drains.tick() => leaving_no_trace(|| agent.drain()),
            ready = doors.late.readable() => {
                leaving_no_trace(|| agent.drain());
                ready?.clear_ready();
            }
            ready = doors.overflow.readable() => {
                leaving_no_trace(|| agent.drain());
                ready?.clear_ready();
            }
            Some(asked) = doors.asked.recv() => answer(&mut agent, asked),
        }
    }
    notify.stopping();
    info!("stopping: detaching, then writing what is live");
    let _ = std::fs::remove_file(&socket);
    agent.stop()
}

/// Ticks fall on whole seconds of the boot clock.
fn until_next_second() -> Duration {
    Duration::from_nanos(1_000_000_000 - sys::boot_time() % 1_000_000_000)
}

fn listen(socket: &Path) -> anyhow::Result<UnixListener> {
    // The lock is ours, so a socket that is there is a dead agent's.
    let _ = std::fs::remove_file(socket);
    let listener =
        UnixListener::bind(socket).with_context(|| format!("listening on {}", socket.display()))?;
    std::fs::set_permissions(socket, PermissionsExt::from_mode(0o600))?;
    Ok(listener)
}

fn listen_for_metrics(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)
        .context("listening on the address and port of --metrics")?;
    listener.set_nonblocking(true)?;
    Ok(TcpListener::from_std(listener)?)
}

/// What can't be told is logged, and its client gets no answer.
fn answer<T: Tap>(agent: &mut Agent<T>, asked: Asked) {
    let answer = leaving_no_trace(|| match asked.question {
        Question::Status => Ok(serde_json::to_string(&agent.status()?)?),
        Question::Top => Ok(serde_json::to_string(&agent.glance())?),
        Question::Metrics => anyhow::Ok(agent.page()?),
    });
    match answer {
        Ok(answer) => drop(asked.answer.send(answer)),
        Err(error) => warn!("answering a client: {error:#}"),
    }
}
