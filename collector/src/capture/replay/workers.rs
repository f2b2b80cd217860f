//! The shards on threads of their own; the one that reads parses and hands out.

use std::{
    collections::VecDeque,
    sync::mpsc::{Receiver, RecvError, SendError, SyncSender, sync_channel},
    thread::{self, JoinHandle},
};

use anyhow::{Context, anyhow};
use collector_common::flow::{WINDOW_OPENER, WINDOW_RESPONDER};

use super::{
    Form,
    meter::Seen,
    shard::Formed,
    shards::{ShardSums, Shards, Write},
};

/// Packets that go to a worker at a time.
const BATCH: usize = 1024;
/// Payload bytes of a packet that a window can reach.
const REACH: usize = WINDOW_OPENER as usize;
const _: () = assert!(WINDOW_OPENER >= WINDOW_RESPONDER);
/// Payload that goes to a worker at a time, about.
const BATCH_BYTES: usize = 1 << 20;
/// Packets whose flows are fetched at a time.
const AT_ONCE: usize = 32;
/// Batches that wait for a worker.
const WAITING: usize = 16;
/// Answers that wait to be taken: each holds the records of half a second.
const ANSWERS: usize = 3;

/// A packet without its payload.
struct Item {
    shard: usize,
    seen: Seen<'static>,
    /// Its bytes in [`Batch::bytes`].
    payload: std::ops::Range<usize>,
}

/// What is then to be done.
enum Then {
    /// Nothing but to go on.
    GoOn,
    /// Records up to this step are wanted.
    Advance(u64),
    /// The last ones; the time in nanoseconds.
    Finish(u64),
}

struct Batch {
    items: Vec<Item>,
    bytes: Vec<u8>,
    then: Then,
}

impl Batch {
    fn new() -> Self {
        Self {
            items: Vec::new(),
            bytes: Vec::new(),
            then: Then::GoOn,
        }
    }

    fn push(&mut self, shard: usize, seen: &Seen<'_>) {
        let start = self.bytes.len();
        let reach = seen.payload.get(..REACH).unwrap_or(seen.payload);
        self.bytes.extend_from_slice(reach);
        self.items.push(Item {
            shard,
            seen: Seen {
                payload: &[],
                ..*seen
            },
            payload: start..self.bytes.len(),
        });
    }
}

/// Records of each of a worker's shards.
type Answer<F> = Vec<Vec<Formed<<F as Form>::Item>>>;

struct Worker<F: Form> {
    batches: Option<SyncSender<Batch>>,
    answers: Receiver<Answer<F>>,
    next: Batch,
    thread: Option<JoinHandle<anyhow::Result<ShardSums>>>,
}

/// Threads that take packets by shard.
pub(super) struct Workers<F: Form> {
    workers: Vec<Worker<F>>,
    /// Steps up to which records were asked for and have not been taken, oldest first.
    asked: VecDeque<u64>,
}

impl<F: Form + 'static> Workers<F> {
    /// One thread for each.
    pub(super) fn start(shards: Vec<Shards<F>>) -> anyhow::Result<Self> {
        let workers = shards.into_iter().map(Worker::start);
        Ok(Self {
            workers: workers.collect::<anyhow::Result<_>>()?,
            asked: VecDeque::new(),
        })
    }

    pub(super) fn meter(&mut self, shard: usize, seen: &Seen<'_>) -> anyhow::Result<()> {
        let index = shard % self.workers.len();
        self.workers[index].push(shard, seen)
    }

    /// Asks for the records up to `step`; hands those of an earlier call to `write` and gives its
    /// step.
    pub(super) fn advance(
        &mut self,
        step: u64,
        write: impl Write<F>,
    ) -> anyhow::Result<Option<u64>> {
        for worker in &mut self.workers {
            worker.send(Then::Advance(step))?;
        }
        self.asked.push_back(step);
        // So few answers wait that no worker waits for its answers to be taken.
        if self.asked.len() < ANSWERS {
            return Ok(None);
        }
        self.settle(write)
    }

    /// Hands the records of the oldest call that waits to `write`; gives its step.
    pub(super) fn settle(&mut self, write: impl Write<F>) -> anyhow::Result<Option<u64>> {
        let step = self.asked.pop_front();
        if step.is_some() {
            self.take(write)?;
        }
        Ok(step)
    }

    /// The oldest answer of each worker, in the order of shards.
    fn take(&mut self, mut write: impl Write<F>) -> anyhow::Result<()> {
        let mut answers = Vec::with_capacity(self.workers.len());
        for worker in &mut self.workers {
            answers.push(worker.answer()?.into_iter());
        }
        // Shard after shard comes from worker after worker.
        let mut turns = (0..answers.len()).cycle();
        while let Some(formed) = turns.next().and_then(|worker| answers[worker].next()) {
            write(formed)?;
        }
        Ok(())
    }

    /// Ends every flow and hands its record to `write`. No call waits any more.
    pub(super) fn finish(mut self, now: u64, write: impl Write<F>) -> anyhow::Result<ShardSums> {
        for worker in &mut self.workers {
            worker.send(Then::Finish(now))?;
        }
        self.take(write)?;
        let mut sums = ShardSums::default();
        for worker in &mut self.workers {
            sums = sums.plus(worker.join()?);
        }
        Ok(sums)
    }
}

impl<F: Form + 'static> Worker<F> {
    fn start(shards: Shards<F>) -> anyhow::Result<Self> {
        let (batches, inbox) = sync_channel(WAITING);
        let (outbox, answers) = sync_channel(ANSWERS + 1);
        let thread = thread::Builder::new()
            .name("replay".to_owned())
            .spawn(move || work(shards, &inbox, &outbox))
            .context("starting a worker thread")?;
        Ok(Self {
            batches: Some(batches),
            answers,
            next: Batch::new(),
            thread: Some(thread),
        })
    }

    fn push(&mut self, shard: usize, seen: &Seen<'_>) -> anyhow::Result<()> {
        self.next.push(shard, seen);
        if self.next.items.len() >= BATCH || self.next.bytes.len() >= BATCH_BYTES {
            self.send(Then::GoOn)?;
        }
        Ok(())
    }

    fn send(&mut self, then: Then) -> anyhow::Result<()> {
        let mut batch = std::mem::replace(&mut self.next, Batch::new());
        batch.then = then;
        let Some(batches) = &self.batches else {
            return Err(anyhow!("a worker has ended"));
        };
        match batches.send(batch) {
            Ok(()) => Ok(()),
            Err(SendError(_)) => Err(self.end()),
        }
    }

    fn answer(&mut self) -> anyhow::Result<Answer<F>> {
        self.answers.recv().map_err(|RecvError| self.end())
    }

    /// Why it ended before it was told to.
    fn end(&mut self) -> anyhow::Error {
        match self.join() {
            Ok(_) => anyhow!("a worker has ended"),
            Err(error) => error,
        }
    }

    fn join(&mut self) -> anyhow::Result<ShardSums> {
        self.batches = None;
        let thread = self.thread.take().context("a worker has ended")?;
        thread
            .join()
            .map_err(|_| anyhow!("a worker panicked: please report this"))?
    }
}

fn work<F: Form>(
    mut shards: Shards<F>,
    inbox: &Receiver<Batch>,
    outbox: &SyncSender<Answer<F>>,
) -> anyhow::Result<ShardSums> {
    while let Ok(mut batch) = inbox.recv() {
        for items in batch.items.chunks_mut(AT_ONCE) {
            for item in items.iter_mut() {
                item.seen.guess = shards.guess(item.shard, &item.seen.key);
            }
            shards.fetch(items.iter().map(|item| (item.shard, item.seen.guess)));
            for item in items {
                let payload = batch.bytes.get(item.payload.clone()).unwrap_or_default();
                let seen = Seen {
                    payload,
                    ..item.seen
                };
                shards.meter(item.shard, &seen)?;
            }
        }
        let mut formed = Vec::new();
        let keep = |records| {
            formed.push(records);
            Ok(())
        };
        match batch.then {
            Then::GoOn => continue,
            Then::Advance(step) => shards.advance(step, keep)?,
            Then::Finish(now) => shards.finish(now, keep)?,
        }
        // Nobody waits for it when the reader has failed.
        if outbox.send(formed).is_err() {
            break;
        }
    }
    Ok(shards.sums())
}
