//! What an agent takes of the machine, read from outside, beside what it says of itself.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
    time::Duration,
};

use anyhow::Result;
use collector::live::Status;

use crate::{binary::Home, usage::Usage};

/// One look at an agent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    /// Since the soak began.
    pub(super) seconds: f64,
    /// The agent's process, which changes with every start.
    pub(super) process: u32,
    pub(super) usage: Usage,
    pub(super) live_flows: u64,
    pub(super) table_size: u64,
    /// Payload samples that found their ring full, since the maps were made; so the next three.
    pub(super) samples_lost: u64,
    pub(super) late: u64,
    pub(super) overflow: u64,
    pub(super) reasons: u64,
    /// Packets of records that no disk took, since the maps were made.
    pub(super) unwritten: u64,
    pub(super) lost_in_crash: u64,
    /// Closed files and bytes of the folder.
    pub(super) files: u64,
    pub(super) folder: u64,
}

impl Sample {
    /// Of process `id`, which has just answered with `status`.
    ///
    /// # Errors
    /// It has ended meanwhile.
    pub(super) fn of(id: u32, status: &Status, home: &Home, at: Duration) -> Result<Self> {
        Ok(Self {
            seconds: at.as_secs_f64(),
            process: id,
            usage: Usage::of(id)?,
            live_flows: status.live_flows,
            table_size: status.table_size,
            samples_lost: status.samples_lost,
            late: status.late.packets,
            overflow: status.overflow,
            reasons: status.reasons.values().map(|amount| amount.packets).sum(),
            unwritten: status.unwritten.packets,
            lost_in_crash: status.lost_in_crash.packets,
            files: home.files().len() as u64,
            folder: bytes_in(&home.out()),
        })
    }

    const COLUMNS: [&str; 16] = [
        "seconds",
        "process",
        "resident_kib",
        "cpu_seconds",
        "descriptors",
        "threads",
        "live_flows",
        "table_size",
        "samples_lost",
        "late",
        "overflow",
        "reasons",
        "unwritten",
        "lost_in_crash",
        "files",
        "folder_bytes",
    ];

    fn row(&self) -> [String; 16] {
        [
            format!("{:.1}", self.seconds),
            self.process.to_string(),
            self.usage.resident.to_string(),
            format!("{:.2}", self.usage.cpu),
            self.usage.descriptors.to_string(),
            self.usage.threads.to_string(),
            self.live_flows.to_string(),
            self.table_size.to_string(),
            self.samples_lost.to_string(),
            self.late.to_string(),
            self.overflow.to_string(),
            self.reasons.to_string(),
            self.unwritten.to_string(),
            self.lost_in_crash.to_string(),
            self.files.to_string(),
            self.folder.to_string(),
        ]
    }
}

/// All looks, in memory and as a table with tabs.
pub(super) struct Samples {
    pub(super) all: Vec<Sample>,
    table: BufWriter<File>,
}

impl Samples {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let mut table = BufWriter::new(File::create(path)?);
        writeln!(table, "{}", Sample::COLUMNS.join("\t"))?;
        Ok(Self {
            all: Vec::new(),
            table,
        })
    }

    pub(super) fn add(&mut self, sample: Sample) -> Result<()> {
        writeln!(self.table, "{}", sample.row().join("\t"))?;
        self.all.push(sample);
        // To be followed while it grows.
        Ok(self.table.flush()?)
    }
}

/// Bytes of the files in a folder without folders.
fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .map(|found| found.len())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_a_number_for_each_column() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.tsv");
        let mut samples = Samples::create(&path).unwrap();
        let home = Home::new().unwrap();
        let id = std::process::id();
        let sample = Sample::of(id, &Status::default(), &home, Duration::ZERO).unwrap();
        samples.add(sample).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let columns: Vec<usize> = text.lines().map(|line| line.split('\t').count()).collect();
        assert_eq!(columns, [16, 16]);
    }
}
