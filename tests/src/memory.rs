//! What a process holds in its memory, as root sees it.

use std::{fs, os::unix::fs::FileExt};

use anyhow::{Context, Result, bail};

/// Mappings that are not the process's own: pages of kernel maps (rings and tables, which hold
/// samples and keys by their nature), and of the kernel's clock.
const KERNEL_S: [&str; 3] = ["anon_inode:bpf-map", "[vvar", "[vsyscall]"];

/// One mapping: its name or, where it has none, its place, and its bytes.
#[derive(Debug)]
pub struct Mapping {
    /// As /proc/PID/maps has it.
    pub name: String,
    /// All that can be read.
    pub bytes: Vec<u8>,
}

/// Everything that process `id` can read and that is its own: heap, stacks, data, code.
///
/// # Errors
/// There is no such process, or it is somebody else's.
pub fn of_process(id: u32) -> Result<Vec<Mapping>> {
    let maps = fs::read_to_string(format!("/proc/{id}/maps"))?;
    let memory = fs::File::open(format!("/proc/{id}/mem"))?;
    let mut mappings = Vec::new();
    for line in maps.lines() {
        let (range, rest) = line.split_once(' ').context("a line of maps")?;
        if !rest.starts_with('r') || KERNEL_S.iter().any(|name| rest.contains(name)) {
            continue;
        }
        let (start, end) = range.split_once('-').context("a range")?;
        let start = u64::from_str_radix(start, 16)?;
        let length = usize::try_from(u64::from_str_radix(end, 16)? - start)?;
        let mut bytes = vec![0; length];
        if let Err(error) = memory.read_exact_at(&mut bytes, start) {
            bail!("{line}: {error}");
        }
        mappings.push(Mapping {
            name: line.to_owned(),
            bytes,
        });
    }
    Ok(mappings)
}
