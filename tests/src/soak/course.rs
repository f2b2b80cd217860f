//! The course of a soak: one loop that looks, lets things go wrong and keeps what it saw.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use fastrand::Rng;

use super::{
    Fault, Plan,
    books::Books,
    faults::{Next, Row},
    inject::Active,
    report::Story,
    samples::{Sample, Samples},
    supervisor::Supervisor,
    traffic::{Burst, Traffic},
};
use crate::{
    binary::{Home, Running},
    link::Counters,
    netns::Namespace,
    small_disk::SmallDisk,
};

/// Of the disk that records go to, MiB.
const DISK: u32 = 256;
/// Time between two turns of the loop.
const TURN: Duration = Duration::from_millis(200);
/// The last agent comes up within it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Descriptors that may come and go.
const MORE_DESCRIPTORS: u64 = 16;

/// A soak on its way.
pub(super) struct Course<'a> {
    plan: &'a Plan,
    pub(super) home: &'a Home,
    pub(super) supervisor: Supervisor<'a>,
    pub(super) interface: Interface<'a>,
    pub(super) traffic: Traffic,
    pub(super) disk: SmallDisk,
    pub(super) books: Books,
    samples: Samples,
    events: File,
    row: Row,
    pub(super) random: Rng,
    pub(super) next: Option<(Instant, Next)>,
    pub(super) active: Option<Active>,
    /// How often each fault came.
    pub(super) faults: BTreeMap<String, u64>,
    began: Instant,
    next_look: Instant,
    next_burst: Instant,
}

/// What is metered.
#[derive(Clone, Copy)]
pub(super) struct Interface<'a> {
    pub(super) namespace: &'a Namespace,
    pub(super) name: &'a str,
    /// Its counters when nothing had been sent.
    base: Counters,
}

impl Interface<'_> {
    /// What it carried since the soak began.
    pub(super) fn counted(&self) -> Result<Counters> {
        Ok(Counters::read(self.namespace, self.name)?.since(&self.base))
    }
}

impl<'a> Course<'a> {
    /// Starts an agent, then the traffic.
    pub(super) fn new(
        plan: &'a Plan,
        home: &'a Home,
        [near, far]: [&'a Namespace; 2],
        name: &'a str,
    ) -> Result<Self> {
        let disk = SmallDisk::of(&home.out(), DISK)?;
        let log = File::create(plan.out.join("agent.log"))?;
        let mut arguments = vec!["--iface".to_owned(), name.to_owned()];
        arguments.extend_from_slice(&plan.arguments);
        let interface = Interface {
            namespace: near,
            name,
            base: Counters::read(near, name)?,
        };
        let mut supervisor = Supervisor::new(home, near, arguments, log);
        supervisor.look(false)?;
        let now = Instant::now();
        let mut course = Self {
            plan,
            home,
            supervisor,
            interface,
            traffic: Traffic::start(near, far, name, plan.rate, plan.seed)?,
            disk,
            books: Books::default(),
            samples: Samples::create(&plan.out.join("samples.tsv"))?,
            events: File::create(plan.out.join("events.tsv"))?,
            row: Row::new(plan.faults.clone(), plan.every, plan.seed),
            random: Rng::with_seed(!plan.seed),
            next: None,
            active: None,
            faults: BTreeMap::new(),
            began: now,
            next_look: now,
            next_burst: now + plan.every,
        };
        course.plan_next();
        Ok(course)
    }

    /// Goes on until its time is over or `stop` is set.
    ///
    /// # Errors
    /// A look finds what must not be.
    pub(super) fn until(&mut self, stop: &AtomicBool) -> Result<()> {
        while self.goes_on() && !stop.load(Ordering::Relaxed) {
            self.turn()?;
            thread::sleep(TURN);
        }
        Ok(())
    }

    fn goes_on(&self) -> bool {
        let missing = self.plan.each && self.faults.len() < self.plan.faults.len();
        missing || self.began.elapsed() < self.plan.length
    }

    fn turn(&mut self) -> Result<()> {
        self.supervisor.look(self.is_active(Fault::ReadOnly))?;
        let now = Instant::now();
        // A stopped process answers nobody.
        if now >= self.next_look && !self.is_active(Fault::Ring) {
            self.look()?;
            self.next_look = now + self.plan.look;
        }
        if now >= self.next_burst {
            self.traffic.burst(Burst::Syns);
            self.event("burst")?;
            self.next_burst = now + self.plan.every * self.random.u32(2..=4);
        }
        if self
            .active
            .as_ref()
            .is_some_and(|active| now >= active.until)
        {
            self.end_fault()?;
        }
        match self.next {
            Some((when, next)) if now >= when && self.active.is_none() => self.begin_fault(next),
            _ => Ok(()),
        }
    }

    fn is_active(&self, fault: Fault) -> bool {
        let active = self.active.as_ref();
        active.is_some_and(|active| active.fault == fault)
    }

    /// The row's next fault, counted from now.
    pub(super) fn plan_next(&mut self) {
        let next = self.row.next();
        self.next = next.map(|next| (Instant::now() + next.after, next));
    }

    /// Books, files and what the agent takes.
    fn look(&mut self) -> Result<()> {
        let Some(id) = self.supervisor.running().map(Running::id) else {
            return Ok(());
        };
        let status = self.books.look(self.home)?;
        self.books.read_files(self.home)?;
        let sample = Sample::of(id, &status, self.home, self.began.elapsed())?;
        self.samples.add(sample)?;
        self.stays_small(&sample)
    }

    fn stays_small(&self, sample: &Sample) -> Result<()> {
        let (usage, most) = (&sample.usage, self.plan.most_resident);
        ensure!(
            usage.resident <= most << 10,
            "{} KiB resident, {most} MiB allowed",
            usage.resident
        );
        let mut own = self.samples.all.iter();
        let first = own.find(|one| one.process == sample.process);
        let before = first.map_or(usage.descriptors, |first| first.usage.descriptors);
        ensure!(
            usage.descriptors <= before + MORE_DESCRIPTORS,
            "{} descriptors, where the agent had {before} at first",
            usage.descriptors
        );
        Ok(())
    }

    /// Heals what is broken, and compares everything for the last time.
    ///
    /// # Errors
    /// Something is missing or too much, or an agent ended unasked.
    pub(super) fn end(&mut self) -> Result<()> {
        self.end_fault()?;
        self.traffic.finish()?;
        let start = Instant::now();
        while self.supervisor.running().is_none() {
            ensure!(start.elapsed() < PATIENCE, "no agent comes up");
            self.supervisor.look(false)?;
            thread::sleep(TURN);
        }
        self.look()?;
        self.close_books()?;
        let unexpected = &self.supervisor.unexpected;
        ensure!(
            unexpected.is_empty(),
            "agents ended unasked: {unexpected:?}"
        );
        Ok(())
    }

    /// Stops the agent on a quiet wire: all it metered is in files.
    pub(super) fn close_books(&mut self) -> Result<()> {
        let status = self
            .books
            .look_exactly(self.home, || self.interface.counted())?;
        self.books.end_of_maps(&status);
        self.supervisor.stop()?;
        self.books.compare_files(self.home)
    }

    /// Notes that something happened.
    pub(super) fn event(&mut self, what: &str) -> Result<()> {
        let seconds = self.began.elapsed().as_secs_f64();
        Ok(writeln!(self.events, "{seconds:.1}\t{what}")?)
    }

    /// Writes summary and plot; gives the summary.
    pub(super) fn keep(&self, failure: Option<&str>) -> Result<String> {
        let story = Story {
            seed: self.plan.seed,
            length: self.began.elapsed(),
            samples: &self.samples.all,
            faults: &self.faults,
            books: &self.books,
            starts: self.supervisor.starts,
            unexpected: &self.supervisor.unexpected,
            sent: self.traffic.sent(),
            failure,
        };
        let summary = story.markdown();
        fs::write(self.plan.out.join("summary.md"), &summary)?;
        story.plot(&self.plan.out.join("soak.svg"))?;
        Ok(summary)
    }
}
