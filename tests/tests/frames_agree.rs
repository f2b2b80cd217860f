//! One parser, two places: what the kernel programs make of a frame is what the host's parser and
//! update rule make of it.

use std::collections::HashMap;

use anyhow::Result;
use collector::capture::reader::FrameLink;
use collector_common::{books::Books, packet::Link};
use collector_tests::{
    captures,
    corpus::corpus_for,
    kernel::{Program, Programs, TABLE, object_path},
    model::Model,
    privileges::{root_or_skip, skip},
};

const MILLISECOND: u64 = 1_000_000;

/// A program and its model, side by side.
struct Pair {
    programs: Programs,
    program: Program,
    model: Model,
    now: u64,
    /// Frames that both took.
    taken: usize,
    samples: usize,
    /// Frames that the kernel does not run a program on, by rule.
    left_out: HashMap<&'static str, usize>,
}

impl Pair {
    fn load(program: Program, link: Link) -> Result<Self> {
        Ok(Self {
            programs: Programs::load(&object_path(), link)?,
            program,
            model: Model::new(link, program.hook(), TABLE),
            now: MILLISECOND,
            taken: 0,
            samples: 0,
            left_out: HashMap::new(),
        })
    }

    /// Runs one frame through both and compares all that it touched.
    fn agree(&mut self, name: &str, frame: &[u8]) -> Result<()> {
        self.agree_at(self.now + MILLISECOND, name, frame)
    }

    fn agree_at(&mut self, now: u64, name: &str, frame: &[u8]) -> Result<()> {
        self.now = now;
        let place = (self.program, name);
        self.programs.set_clock(self.now)?;
        let verdict = match (
            self.programs.run(self.program, frame),
            self.program.left_out(frame),
        ) {
            (Ok(verdict), _) => verdict,
            (Err(_), Some(rule)) => {
                *self.left_out.entry(rule).or_default() += 1;
                return Ok(());
            }
            (Err(error), None) => return Err(error.context(format!("{place:?}: {frame:02x?}"))),
        };
        assert_eq!(verdict, self.program.verdict(), "{place:?}");
        let key = self.model.meter(frame, self.now);
        self.taken += 1;
        assert_books(&self.programs.books()?, self.model.books(), frame, &place);
        if let Some(key) = key {
            let entry = self.programs.entry(&key)?;
            assert_eq!(entry, self.model.entry(&key), "{place:?}");
        }
        let (sampled, expected) = (self.programs.samples()?, self.model.samples());
        self.samples += sampled.len();
        assert!(sampled == expected, "other samples: {place:?}");
        Ok(())
    }

    /// No flow in the kernel that the model does not have.
    fn finish(mut self) -> Result<()> {
        assert_eq!(self.programs.flows()?, self.model.flows());
        println!(
            "{:?}, {:?}: {} frames, {} flows, {} samples agreed; left out: {:?}",
            self.program,
            self.model.link,
            self.taken,
            self.model.flows(),
            self.samples,
            self.left_out
        );
        Ok(())
    }
}

fn assert_books(kernel: &Books, host: &Books, frame: &[u8], place: &(Program, &str)) {
    let told = |books: &Books| (books.seen, books.reasons, books.late, books.overflow);
    assert_eq!(told(kernel), told(host), "{place:?}: {frame:02x?}");
}

fn ready() -> bool {
    if !root_or_skip() {
        return false;
    }
    if !object_path().exists() {
        skip("the kernel object is not built: cargo xtask build");
        return false;
    }
    true
}

#[test]
fn each_program_and_the_host_agree_on_the_corpus() -> Result<()> {
    if !ready() {
        return Ok(());
    }
    for link in [Link::Ethernet, Link::Ip] {
        for program in Program::ALL {
            let mut pair = Pair::load(program, link)?;
            for case in corpus_for(link) {
                pair.agree(case.name, &case.frame)?;
            }
            pair.finish()?;
        }
    }
    Ok(())
}

#[test]
fn each_program_and_the_host_agree_on_every_cut_of_the_corpus() -> Result<()> {
    if !ready() {
        return Ok(());
    }
    for program in Program::ALL {
        let mut pair = Pair::load(program, Link::Ethernet)?;
        for case in corpus_for(Link::Ethernet) {
            for length in 0..case.frame.len().min(150) {
                pair.agree(case.name, &case.frame[..length])?;
            }
        }
        pair.finish()?;
    }
    Ok(())
}

#[test]
fn each_program_and_the_host_agree_on_mutated_frames() -> Result<()> {
    const FRAMES: usize = 6_000;
    if !ready() {
        return Ok(());
    }
    for link in [Link::Ethernet, Link::Ip] {
        let seeds: Vec<_> = corpus_for(link)
            .into_iter()
            .map(|case| case.frame)
            .filter(|frame| (34..3_000).contains(&frame.len()))
            .collect();
        for program in Program::ALL {
            let mut random = Random(0x5eed);
            let mut pair = Pair::load(program, link)?;
            for number in 0..FRAMES {
                let frame = random.mutate(&seeds);
                pair.agree(&format!("mutation {number}"), &frame)?;
            }
            pair.finish()?;
        }
    }
    Ok(())
}

#[test]
fn the_kernel_samples_the_same_bytes_of_every_capture_as_the_host() -> Result<()> {
    if !ready() {
        return Ok(());
    }
    for (link, of) in [
        (Link::Ethernet, FrameLink::Ethernet),
        (Link::Ip, FrameLink::Ip),
    ] {
        let mut pair = Pair::load(Program::TcIn, link)?;
        for capture in captures::all()? {
            let frames = capture.frames.iter().filter(|held| held.link == of);
            for held in frames.filter(|held| Program::TcIn.left_out(&held.bytes).is_none()) {
                let now = pair.now.max(held.time);
                pair.agree_at(now, &capture.name, &held.bytes)?;
            }
        }
        pair.finish()?;
    }
    Ok(())
}

/// SplitMix64: the same frames on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// One of `seeds`, changed in one to four places within its headers.
    fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut frame = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(4) {
            let place = self.below(frame.len().clamp(1, 110));
            match self.below(8) {
                0 => frame.truncate(place.max(20)),
                1 => {
                    let middle: Vec<_> = seeds[self.below(seeds.len())].clone();
                    frame.splice(place..place, middle.into_iter().skip(place).take(24));
                }
                2 => drop(frame.drain(place..(place + 8).min(frame.len()))),
                3 => self.set(&mut frame, place, 1 << (place % 8), true),
                4 => self.set(&mut frame, place, 0xff, false),
                _ => {
                    const NOTABLE: [u8; 12] =
                        [0, 1, 5, 6, 0x11, 0x2c, 0x33, 0x45, 0x60, 0x81, 0x88, 0xff];
                    let byte = NOTABLE[self.below(NOTABLE.len())];
                    self.set(&mut frame, place, byte, false);
                }
            }
        }
        frame
    }

    fn set(&mut self, frame: &mut [u8], place: usize, byte: u8, flip: bool) {
        if let Some(slot) = frame.get_mut(place) {
            *slot = if flip { *slot ^ byte } else { byte };
        }
    }
}
