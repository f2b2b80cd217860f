//! What crosses the wire: an exit-like mix that never ends, long flows beside it, and bursts. Both
//! directions pass the metered interface, each by its own hook.

use std::{
    io::{self, Write},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};

use crate::{
    frames::Path,
    netns::Namespace,
    raw_socket::RawSocket,
    trace::{
        Flood, HEADER_LEN, Kind, Limit, Mix, Outputs, RECORD_HEADER_LEN, RELAY, RELAY_MAC,
        Resolution, Shares, Trace,
    },
};

/// Frames between two looks at the clock.
const PORTION: u32 = 16;
/// Between two looks of a sender that is held back.
const WHILE_PAUSED: Duration = Duration::from_millis(5);
/// Flows of the mix at a time, and their packets on average.
const CONCURRENCY: usize = 300;
const MEAN_PACKETS: f64 = 40.0;
/// Flows that never end, a packet of each in so many seconds.
const LONG_FLOWS: u16 = 400;
const LONG_PAUSE: u32 = 5;
/// Packets of a burst, and how many a second.
const BURST: u32 = 60_000;
const BURST_RATE: u32 = 15_000;

/// What one burst is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Burst {
    /// Openings that nobody answers.
    Syns,
    /// New flows over UDP, each with payload.
    Datagrams,
}

/// All senders.
pub(super) struct Traffic {
    wire: Arc<Shared>,
    rate: u32,
    seed: u64,
    threads: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Begins to send `rate` packets a second of the mix.
    pub(super) fn start(
        near: &Namespace,
        far: &Namespace,
        interface: &str,
        rate: u32,
        seed: u64,
    ) -> Result<Self> {
        let wire = Shared {
            near: RawSocket::bind(near, interface)?,
            far: RawSocket::bind(far, interface)?,
            turn: Mutex::default(),
            paused: AtomicBool::default(),
            done: AtomicBool::default(),
            sent: AtomicU64::default(),
        };
        let mut traffic = Self {
            wire: Arc::new(wire),
            rate,
            seed,
            threads: Vec::new(),
        };
        traffic.spawn(move |wire| play(&mix(rate, seed), wire, rate));
        traffic.spawn(|wire| keep_alive(&wire));
        Ok(traffic)
    }

    /// Begins a burst beside everything else.
    pub(super) fn burst(&mut self, burst: Burst) {
        self.threads.retain(|thread| !thread.is_finished());
        self.seed = self.seed.wrapping_add(1);
        let (rate, seed) = (self.burst_rate(), self.seed);
        match burst {
            Burst::Syns => self.spawn(move |wire| play(&flood(rate, seed), wire, rate)),
            Burst::Datagrams => self.spawn(move |wire| datagrams(&wire, rate, seed)),
        }
    }

    /// Holds all senders back until `false`: nothing is on its way when it returns.
    pub(super) fn pause(&self, paused: bool) {
        self.wire.paused.store(paused, Ordering::Relaxed);
        drop(self.wire.turn());
    }

    /// Frames that a socket took.
    pub(super) fn sent(&self) -> u64 {
        self.wire.sent.load(Ordering::Relaxed)
    }

    /// Ends all senders.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.wire.done.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().map_err(|_| anyhow!("a sender panicked"))?;
        }
        Ok(())
    }

    /// Slower than usual where the mix is, too: a short run on a busy machine.
    fn burst_rate(&self) -> u32 {
        BURST_RATE.min(self.rate.saturating_mul(5))
    }

    fn spawn(&mut self, send: impl FnOnce(Arc<Shared>) + Send + 'static) {
        let wire = Arc::clone(&self.wire);
        self.threads.push(thread::spawn(move || send(wire)));
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.wire.done.store(true, Ordering::Relaxed);
    }
}

/// Both ends of the wire, for all senders.
struct Shared {
    /// Of the relay, whose interface is metered.
    near: RawSocket,
    /// Of everybody else.
    far: RawSocket,
    /// Who sends holds it.
    turn: Mutex<()>,
    paused: AtomicBool,
    done: AtomicBool,
    sent: AtomicU64,
}

impl Shared {
    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }

    /// Sends a frame when it may; none any more when the traffic is over.
    fn send(&self, frame: &[u8]) {
        let is_ours = frame.get(6..12) == Some(&RELAY_MAC);
        let socket = if is_ours { &self.near } else { &self.far };
        let _turn = self.turn_to_send();
        // An interface that is down takes none.
        if !self.is_done() && socket.send(frame).is_ok() {
            self.sent.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn turn_to_send(&self) -> MutexGuard<'_, ()> {
        loop {
            let turn = self.turn();
            if !self.paused.load(Ordering::Relaxed) || self.is_done() {
                return turn;
            }
            drop(turn);
            thread::sleep(WHILE_PAUSED);
        }
    }
}

/// Sends no more than so many frames a second, in short portions.
struct Pace {
    rate: u32,
    due: Instant,
    left: u32,
}

impl Pace {
    fn new(rate: u32) -> Self {
        Self {
            rate: rate.max(1),
            due: Instant::now(),
            left: PORTION,
        }
    }

    /// Waits for the next frame's turn. Long delays are not made up for.
    fn wait(&mut self) {
        self.left -= 1;
        if self.left > 0 {
            return;
        }
        self.left = PORTION;
        let now = Instant::now();
        let due = self.due + Duration::from_secs(1) * PORTION / self.rate;
        self.due = due.max(now - Duration::from_millis(50));
        thread::sleep(self.due.saturating_duration_since(now));
    }
}

fn mix(rate: u32, seed: u64) -> Trace {
    let mix = Mix {
        limit: Limit::Flows(u64::MAX),
        concurrency: CONCURRENCY,
        shares: Shares::default(),
        ipv6: 20,
        mean_packets: MEAN_PACKETS,
    };
    trace(Kind::Mix(mix), rate, seed)
}

fn flood(rate: u32, seed: u64) -> Trace {
    let flood = Flood {
        flows: BURST.into(),
        bare: false,
    };
    trace(Kind::SynFlood(flood), rate, seed)
}

fn trace(kind: Kind, rate: u32, seed: u64) -> Trace {
    Trace {
        kind,
        rate: rate.into(),
        resolution: Resolution::Micro,
        seed,
    }
}

/// Sends a capture instead of writing it.
fn play(trace: &Trace, wire: Arc<Shared>, rate: u32) {
    let mut player = Player {
        wire,
        pace: Pace::new(rate),
        rest: Vec::new(),
        header: HEADER_LEN as usize,
    };
    // It ends, or the soak does.
    let _ = trace.write(Outputs {
        capture: &mut player,
        truth: None,
        progress: &mut |_| {},
    });
}

/// Takes a capture's bytes and sends its frames.
struct Player {
    wire: Arc<Shared>,
    pace: Pace,
    /// What is no whole record yet.
    rest: Vec<u8>,
    /// Bytes of the capture's own header that are still to come.
    header: usize,
}

impl Write for Player {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pending = std::mem::take(&mut self.rest);
        pending.extend_from_slice(bytes);
        let mut at = self.header.min(pending.len());
        self.header -= at;
        while let Some(frame) = frame_at(&pending[at..]) {
            if self.wire.is_done() {
                return Err(io::Error::other("the traffic is over"));
            }
            self.pace.wait();
            self.wire.send(frame);
            at += RECORD_HEADER_LEN as usize + frame.len();
        }
        self.rest = pending.split_off(at);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The frame of the record at the start of `bytes`, when all of it is there.
fn frame_at(bytes: &[u8]) -> Option<&[u8]> {
    let length = bytes.get(8..12)?.first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    bytes.get(RECORD_HEADER_LEN as usize..)?.get(..length)
}

/// Flows that outlive every agent: packets of both sides, in turn.
fn keep_alive(wire: &Shared) {
    let flows: Vec<[Vec<u8>; 2]> = (0..LONG_FLOWS)
        .map(|flow| {
            let path = datagram_path(10_000 + flow, 51_820);
            [path.udp(b"still here"), path.reversed().udp(b"still there")]
        })
        .collect();
    let mut pace = Pace::new(u32::from(LONG_FLOWS) / LONG_PAUSE);
    for frame in flows.iter().flatten().cycle() {
        if wire.is_done() {
            return;
        }
        pace.wait();
        wire.send(frame);
    }
}

/// A burst of flows of one datagram each, which look like nothing known.
fn datagrams(wire: &Shared, rate: u32, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut payload = [0; 512];
    random.fill(&mut payload);
    let mut pace = Pace::new(rate);
    for _ in 0..BURST {
        if wire.is_done() {
            return;
        }
        let frame = datagram_path(random.u16(1024..), random.u16(1024..)).udp(&payload);
        pace.wait();
        wire.send(&frame);
    }
}

/// From a host of a documentation network (RFC 5737) to the relay.
fn datagram_path(from: u16, to: u16) -> Path {
    let [_, low] = from.to_be_bytes();
    let host = std::net::Ipv4Addr::new(198, 51, 100, low.max(1));
    Path {
        macs: ([2, 0, 0, 0, 0, 2], RELAY_MAC),
        addresses: (host.into(), RELAY.0.into()),
        ports: (from, to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_in_records_however_they_are_cut() {
        let mut capture = Vec::new();
        let trace = flood(1000, 7);
        let few = Trace {
            kind: Kind::SynFlood(Flood {
                flows: 3,
                bare: true,
            }),
            ..trace
        };
        few.write(Outputs {
            capture: &mut capture,
            truth: None,
            progress: &mut |_| {},
        })
        .unwrap();
        let records = &capture[HEADER_LEN as usize..];
        assert_eq!(frame_at(records).unwrap().len(), 60);
        assert_eq!(frame_at(&records[..75]), None);
        assert_eq!(frame_at(&records[..7]), None);
        assert_eq!(frame_at(&[]), None);
    }
}
