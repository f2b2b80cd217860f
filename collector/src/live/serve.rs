//! Drives the agent: ticks on whole seconds, rings, signals, the status socket.

use std::{os::fd::OwnedFd, time::Duration};

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
    doors::Doors,
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
struct Awaited {
    /// Of those who watch.
    asked: mpsc::Receiver<Asked>,
    late: AsyncFd<OwnedFd>,
    overflow: AsyncFd<OwnedFd>,
}

impl Awaited {
    fn of<T: Tap>(agent: &Agent<T>, doors: &Doors) -> anyhow::Result<Self> {
        let [late, overflow] = agent.rings()?.map(sys::watch);
        let metrics = match &doors.metrics {
            Some(metrics) => Some(TcpListener::from_std(metrics.try_clone()?)?),
            None => None,
        };
        Ok(Self {
            asked: clients::receive(UnixListener::from_std(doors.status.try_clone()?)?, metrics),
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
/// Those of `start`, [`Agent::tick`] and [`Agent::stop`]; a socket that can't be waited for: then
/// the agent is stopped first.
pub async fn serve<T: Tap>(
    start: impl FnOnce() -> anyhow::Result<(Agent<T>, Doors)>,
    mut reload: impl FnMut(&mut Agent<T>),
) -> anyhow::Result<(Summary, T)> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut notify = Notify::from_environment()?;
    let (mut agent, doors) = leaving_no_trace(start)?;
    let begun = agent.begin_draining();
    let mut awaited = match begun.and_then(|()| Awaited::of(&agent, &doors)) {
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
            _ = hangup.recv() => {
                notify.reloading();
                leaving_no_trace(|| reload(&mut agent));
            }
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
            ready = awaited.late.readable() => {
                leaving_no_trace(|| agent.drain());
                ready?.clear_ready();
            }
            ready = awaited.overflow.readable() => {
                leaving_no_trace(|| agent.drain());
                ready?.clear_ready();
            }
            Some(asked) = awaited.asked.recv() => answer(&mut agent, asked),
        }
    }
    notify.stopping();
    info!("stopping: detaching, then writing what is live");
    drop(doors);
    agent.stop()
}

/// Ticks fall on whole seconds of the boot clock.
fn until_next_second() -> Duration {
    Duration::from_nanos(1_000_000_000 - sys::boot_time() % 1_000_000_000)
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
