//! Captures in memory, frame by frame: made here, or from files that lie beside the project. Those
//! carry no licence of their own, so none is in the repository: a test that needs them says loudly
//! that it was skipped where they are missing.

use std::{
    env,
    io::Cursor,
    panic::Location,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use collector::capture::reader::{Captures, Frame, FrameLink, Source};

use crate::{
    privileges::say,
    trace::{Kind, Limit, Mix, Outputs, Resolution, Shares, Trace},
};

/// A captured frame. No `Debug`: its bytes are somebody's.
#[derive(Clone)]
pub struct Held {
    /// Nanoseconds since the Unix epoch.
    pub time: u64,
    /// Bytes on the wire, with the link header.
    pub original_len: u32,
    /// Bytes of link header that were taken off.
    pub link_header: u32,
    /// What the bytes begin with.
    pub link: FrameLink,
    /// What was captured, behind the link header.
    pub bytes: Vec<u8>,
}

impl Held {
    /// The frame as the reader gave it.
    #[must_use]
    pub fn frame(&self) -> Frame<'_> {
        Frame {
            time: self.time,
            original_len: self.original_len,
            link_header: self.link_header,
            link: self.link,
            bytes: &self.bytes,
        }
    }

    /// The frame as if what was captured had been all of it: what a kernel program can be run on.
    #[must_use]
    pub fn cut(&self) -> Frame<'_> {
        // A frame is read from an item of 16 MiB at most.
        let captured = self.bytes.len() as u32;
        Frame {
            original_len: captured + self.link_header,
            ..self.frame()
        }
    }
}

impl From<Frame<'_>> for Held {
    fn from(frame: Frame<'_>) -> Self {
        Self {
            time: frame.time,
            original_len: frame.original_len,
            link_header: frame.link_header,
            link: frame.link,
            bytes: frame.bytes.to_vec(),
        }
    }
}

/// A capture file.
pub struct Capture {
    /// File name.
    pub name: String,
    /// In the file's order.
    pub frames: Vec<Held>,
}

/// Reads a capture file.
///
/// # Errors
/// There is no such file.
pub fn read(path: &Path) -> Result<Capture> {
    let name = path.file_name().context("a file")?.to_string_lossy();
    ensure!(path.exists(), "{} is missing", path.display());
    Ok(taken(&name, Source::file(path.to_owned())))
}

/// Damage ends a capture; what was read before counts.
fn taken(name: &str, source: Source) -> Capture {
    let mut captures = Captures::new(vec![source]);
    let mut frames = Vec::new();
    loop {
        match captures.next() {
            Ok(Some(frame)) => frames.push(Held::from(frame)),
            Ok(None) => break,
            Err(error) => {
                println!("{name}: {error}");
                break;
            }
        }
    }
    Capture {
        name: name.to_owned(),
        frames,
    }
}

/// What an exit relay's interface carries, made by rule: a few hundred flows.
///
/// # Errors
/// None, since it is written to memory.
pub fn mix() -> Result<Capture> {
    let trace = Trace {
        kind: Kind::Mix(Mix {
            limit: Limit::Flows(400),
            concurrency: 40,
            shares: Shares::default(),
            ipv6: 20,
            mean_packets: 20.0,
        }),
        rate: 500,
        resolution: Resolution::Nano,
        seed: 7,
    };
    let mut bytes = Vec::new();
    trace.write(Outputs {
        capture: &mut bytes,
        truth: None,
        progress: &mut |_| {},
    })?;
    let source = Source::reader("mix", Cursor::new(bytes));
    Ok(taken("an exit-like mix", source))
}

/// Every capture of the corpus, by name, and that of the Tor network.
///
/// # Errors
/// One can't be read.
#[track_caller]
pub fn all() -> Result<Vec<Capture>> {
    let corpus = corpus().map(|folder| folder.join("pcaps"));
    let mut paths: Vec<PathBuf> = match corpus {
        Some(folder) => folder
            .read_dir()?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?,
        None => Vec::new(),
    };
    paths.sort();
    paths.extend(tornet().map(|folder| folder.join("exit.pcap")));
    paths.iter().map(|path| read(path)).collect()
}

/// The corpus: `COLLECTOR_CORPUS`, else `../shared/corpus` beside the project.
#[track_caller]
#[must_use]
pub fn corpus() -> Option<PathBuf> {
    found("COLLECTOR_CORPUS", "corpus")
}

/// What was captured at the exit of a Tor network of our own: `COLLECTOR_TORNET`, else
/// `../shared/tornet` beside the project.
#[track_caller]
#[must_use]
pub fn tornet() -> Option<PathBuf> {
    found("COLLECTOR_TORNET", "tornet")
}

#[track_caller]
fn found(variable: &str, name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = env::var_os(variable).map_or_else(|| beside.join(name), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    let place = Location::caller();
    say(&format!(
        "=== SKIPPED for want of {}: {}:{} (set {variable})",
        folder.display(),
        place.file(),
        place.line(),
    ));
    None
}
