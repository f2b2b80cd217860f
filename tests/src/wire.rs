//! A sender, a metered end and the wire between them, under as much traffic as the machine
//! carries without a loss.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
    generator::{Generator, Stream, object_path},
    link::{Counters, Offloads, VethPair, set_offloads},
    netns::Namespace,
    privileges::{root_or_skip, skip},
};

/// Floods of two tests at once would starve each other.
static TURN: Mutex<()> = Mutex::new(());

/// Two namespaces; frames generated on the left arrive on the right.
#[derive(Debug)]
pub struct Wire {
    /// Sends.
    pub left: Namespace,
    /// Is metered.
    pub right: Namespace,
    /// Its two ends.
    pub pair: VethPair,
    _turn: MutexGuard<'static, ()>,
}

/// Frames of one call at full rate.
const FULL_BURST: u32 = 50_000;

/// Frames a second that a test sends at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// As many as go.
    Full,
    /// This many.
    PerSecond(u32),
}

impl Wire {
    /// A wire of its own; waits until the test before has let go of its.
    ///
    /// # Errors
    /// `ip` or `ethtool` fails.
    pub fn new() -> Result<Self> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, right) = (Namespace::new("left")?, Namespace::new("right")?);
        let pair = VethPair::between(&left, &right)?;
        // Generated frames need the far end's NAPI.
        set_offloads(&right, &pair.b.name, Offloads::All)?;
        Ok(Self {
            left,
            right,
            pair,
            _turn: turn,
        })
    }

    /// A source of frames on the left.
    ///
    /// # Errors
    /// As [`Generator::load`].
    pub fn generator(&self, stream: &Stream) -> Result<Generator> {
        Generator::load(&object_path(), self.pair.a.index, stream)
    }

    /// Sends rounds of one packet for each of `flows`, as long as `more` says; gives the number of
    /// packets per flow. At full rate many rounds go at once: each call costs the kernel
    /// milliseconds.
    ///
    /// # Errors
    /// As [`Generator::send`].
    pub fn rounds(
        &self,
        generator: &Generator,
        flows: u32,
        pace: Pace,
        more: impl Fn() -> bool,
    ) -> Result<u64> {
        let at_once = match pace {
            Pace::Full => (FULL_BURST / flows).max(1),
            Pace::PerSecond(_) => 1,
        };
        let mut rounds = 0;
        while more() {
            self.send(generator, flows * at_once, pace)?;
            rounds += at_once;
        }
        Ok(rounds.into())
    }

    /// Sends so many packets; gives back how many these are.
    ///
    /// # Errors
    /// As [`Generator::send`].
    pub fn send(&self, generator: &Generator, packets: u32, pace: Pace) -> Result<u64> {
        let Pace::PerSecond(rate) = pace else {
            return Ok(generator.send(&self.left, packets)?.packets);
        };
        // Short calls: within one the kernel knows no pace.
        let part = (rate / 40).max(1);
        let start = Instant::now();
        let mut sent = 0;
        while sent < packets {
            let now = part.min(packets - sent);
            generator.send(&self.left, now)?;
            sent += now;
            let due = Duration::from_secs_f64(f64::from(sent) / f64::from(rate.max(1)));
            thread::sleep(due.saturating_sub(start.elapsed()));
        }
        Ok(sent.into())
    }

    /// The metered end's counters, once they stand still.
    ///
    /// # Errors
    /// They do not stand still for long.
    pub fn arrived(&self) -> Result<Counters> {
        let read = || Counters::read(&self.right, &self.pair.b.name);
        let mut before = read()?;
        for _ in 0..200 {
            thread::sleep(Duration::from_millis(50));
            let now = read()?;
            if now == before {
                return Ok(now);
            }
            before = now;
        }
        bail!("the wire does not get quiet")
    }
}

/// Whether generated traffic can be metered here; says why not.
///
/// # Panics
/// As [`skip`].
#[track_caller]
#[must_use]
pub fn wire_or_skip() -> bool {
    if !root_or_skip() {
        return false;
    }
    if object_path().exists() {
        return true;
    }
    skip("the kernel object with the generator is not built: cargo xtask build");
    false
}

/// Runs `test` at full rate, and where packets were lost on the wire (it gives `None`) again at
/// paces that a busy machine carries.
///
/// # Errors
/// Those of `test`; losses at every pace.
pub fn without_drops<T>(test: impl Fn(Pace) -> Result<Option<T>>) -> Result<T> {
    let paces = [
        Pace::Full,
        Pace::PerSecond(200_000),
        Pace::PerSecond(50_000),
    ];
    for pace in paces {
        if let Some(done) = test(pace)? {
            return Ok(done);
        }
        eprintln!("packets were lost on the wire at {pace:?}; again, slower");
    }
    bail!("packets were lost on the wire at every pace")
}
