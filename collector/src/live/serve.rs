//! Drives the agent: ticks on whole seconds, rings, signals, the status socket.

use std::{io, os::fd::OwnedFd, time::Duration};

use tokio::{
    io::{AsyncWriteExt, unix::AsyncFd},
    net::{UnixListener, UnixStream},
    signal::unix::{SignalKind, signal},
    time::{Instant, MissedTickBehavior, interval_at},
};
use tracing::{info, warn};

use super::{
    agent::{Agent, Summary},
    doors::Doors,
    sys,
};
use crate::{pipeline::Tap, process::leaving_no_trace};

/// Between two passes over the table.
const TICK: Duration = Duration::from_secs(1);
/// How often the rings are looked at; a ring that fills up wakes the agent before.
const DRAIN_EVERY: Duration = Duration::from_millis(100);
/// A client that does not read its answer is let go.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What the loop waits for beside time and signals.
struct Awaited {
    listener: UnixListener,
    late: AsyncFd<OwnedFd>,
    overflow: AsyncFd<OwnedFd>,
}

impl Awaited {
    fn of<T: Tap>(agent: &Agent<T>, doors: &Doors) -> anyhow::Result<Self> {
        let [late, overflow] = agent.rings()?.map(sys::watch);
        Ok(Self {
            listener: UnixListener::from_std(doors.status.try_clone()?)?,
            late: late?,
            overflow: overflow?,
        })
    }
}

/// Starts an agent and meters until SIGTERM or SIGINT, or until the host takes its hooks away, then
/// stops cleanly. Signals are caught
/// before the start: one that comes meanwhile stops the agent when it is up, and nothing stays
/// attached.
///
/// # Errors
/// Those of `start`, [`Agent::tick`] and [`Agent::stop`]; a socket that can't be waited for: then
/// the agent is stopped first.
pub async fn serve<T: Tap>(
    start: impl FnOnce() -> anyhow::Result<(Agent<T>, Doors)>,
) -> anyhow::Result<(Summary, T)> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (mut agent, doors) = leaving_no_trace(start)?;
    let begun = agent.begin_draining();
    let awaited = match begun.and_then(|()| Awaited::of(&agent, &doors)) {
        Ok(awaited) => awaited,
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
            _ = ticks.tick() => {
                leaving_no_trace(|| agent.tick(sys::boot_time()))?;
                if let Some(why) = agent.ended() {
                    warn!("{why}");
                    break;
                }
            }
            _ = settles.tick() => leaving_no_trace(|| agent.settle(sys::boot_time()))?,
            _ = drains.tick() => leaving_no_trace(|| agent.drain()),
            ready = awaited.late.readable() => {
                leaving_no_trace(|| agent.drain());
                ready?.clear_ready();
            }
            ready = awaited.overflow.readable() => {
                leaving_no_trace(|| agent.drain());
                ready?.clear_ready();
            }
            client = awaited.listener.accept() => answer(&mut agent, client),
        }
    }
    info!("stopping: detaching, then writing what is live");
    drop(doors);
    agent.stop()
}

/// Ticks fall on whole seconds of the boot clock.
fn until_next_second() -> Duration {
    Duration::from_nanos(1_000_000_000 - sys::boot_time() % 1_000_000_000)
}

fn answer<T: Tap>(
    agent: &mut Agent<T>,
    client: io::Result<(UnixStream, tokio::net::unix::SocketAddr)>,
) {
    let status = match (client, leaving_no_trace(|| agent.status())) {
        (Ok((stream, _)), Ok(status)) => (stream, status),
        (Err(error), _) => return warn!("status socket: {error}"),
        (_, Err(error)) => return warn!("status: {error:#}"),
    };
    let (mut stream, status) = status;
    tokio::spawn(async move {
        let Ok(mut line) = serde_json::to_vec(&status) else {
            return;
        };
        line.push(b'\n');
        let _ = tokio::time::timeout(ANSWER_WITHIN, stream.write_all(&line)).await;
    });
}
