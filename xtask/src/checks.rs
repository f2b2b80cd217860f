//! What must be there before anything is built or loaded.

use std::{fs, path::Path};

use anyhow::{Result, bail};
use nix::sys::utsname::uname;

use crate::{caller::Caller, command};

/// The oldest kernel that has what the programs use.
const OLDEST_KERNEL: (u32, u32) = (6, 1);

/// Everything that is missing, at once, each with what to do. An agent that pins nothing needs no
/// BPF file system.
pub(crate) fn all(pins: bool, caller: &Caller) -> Result<()> {
    let pin_folder = if pins { bpf_filesystem() } else { Ok(()) };
    let missing: Vec<String> = [compiler(caller), kernel(), types(), pin_folder]
        .into_iter()
        .filter_map(Result::err)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    bail!("something is missing:\n  {}", missing.join("\n  "));
}

/// An interface must exist before ten minutes go into building.
pub(crate) fn interface(name: &str) -> Result<()> {
    if !name.contains('/') && Path::new("/sys/class/net").join(name).exists() {
        return Ok(());
    }
    let entries = fs::read_dir("/sys/class/net").into_iter().flatten();
    let mut known: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    known.sort();
    bail!("no interface `{name}`; there are: {}", known.join(", "));
}

fn compiler(caller: &Caller) -> Result<(), String> {
    let path = caller.search_path();
    // Not every distribution has a package of rustup.
    let rustup = "install rustup (package `rustup`, or https://rustup.rs)";
    let gcc = "install the package `gcc`";
    for (program, remedy) in [("rustc", rustup), ("rustup", rustup), ("cc", gcc)] {
        if command::find_in(&path, program).is_none() {
            return Err(format!("{program}: {remedy}"));
        }
    }
    Ok(())
}

fn kernel() -> Result<(), String> {
    let release = uname().map_err(|error| format!("the kernel's version: {error}"))?;
    let release = release.release().to_string_lossy();
    let (major, minor) = OLDEST_KERNEL;
    match version(&release) {
        Some(version) if version >= OLDEST_KERNEL => Ok(()),
        _ => Err(format!(
            "kernel {major}.{minor} or newer: this one is {release}; start a newer one"
        )),
    }
}

/// `6.1` of `6.1.0-28-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(['.', '-']);
    let mut next = || numbers.next()?.parse().ok();
    Some((next()?, next()?))
}

fn types() -> Result<(), String> {
    if Path::new("/sys/kernel/btf/vmlinux").exists() {
        return Ok(());
    }
    Err(
        "BTF, the kernel's type information (/sys/kernel/btf/vmlinux): start a kernel built \
         with CONFIG_DEBUG_INFO_BTF, as the distributions' are"
            .to_owned(),
    )
}

fn bpf_filesystem() -> Result<(), String> {
    if is_bpf_filesystem_mounted() {
        return Ok(());
    }
    Err("the BPF file system: sudo mount -t bpf bpf /sys/fs/bpf".to_owned())
}

/// Whether maps and links can be pinned.
pub(crate) fn is_bpf_filesystem_mounted() -> bool {
    has_bpf_filesystem(&fs::read_to_string("/proc/self/mounts").unwrap_or_default())
}

/// Device, folder, type, options, …
fn has_bpf_filesystem(mounts: &str) -> bool {
    mounts.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next() == Some("/sys/fs/bpf") && words.next() == Some("bpf")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_releases_of_distributions_are_understood() {
        assert_eq!(version("6.1.0-28-amd64"), Some((6, 1)));
        assert_eq!(version("6.18.44"), Some((6, 18)));
        assert_eq!(version("7.0-rc1"), Some((7, 0)));
        assert_eq!(version("odd"), None);
        assert!(
            version("6.18.0").unwrap() > OLDEST_KERNEL,
            "by number, not by text"
        );
        assert!(version("5.19.0").unwrap() < OLDEST_KERNEL);
    }

    #[test]
    fn the_bpf_file_system_must_be_at_its_place() {
        assert!(has_bpf_filesystem("bpf /sys/fs/bpf bpf rw,mode=700 0 0\n"));
        assert!(!has_bpf_filesystem("tmpfs /sys/fs/bpf tmpfs rw 0 0\n"));
        assert!(!has_bpf_filesystem("bpf /mnt/bpf bpf rw 0 0\n"));
    }

    #[test]
    fn an_unknown_interface_is_answered_with_the_known_ones() {
        let error = interface("none0").unwrap_err().to_string();
        assert!(error.starts_with("no interface `none0`"), "{error}");
        assert!(error.contains("lo"), "{error}");
        assert!(interface("lo").is_ok());
        assert!(interface("../net/lo").is_err());
    }
}
