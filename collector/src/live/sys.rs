//! The system calls that the loader library lacks. Unsafe code of the agent is here, in `maps`,
//! which vouches for the sizes of keys and values, and in `ethtool`, for its ioctl.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

use aya_obj::generated::{bpf_attach_type, bpf_attr, bpf_cmd};
use tokio::io::unix::AsyncFd;

/// A zeroed `bpf_attr`, filled by `fill`, handed to bpf(2).
///
/// # Safety
/// The pointers and lengths that `fill` puts in are valid for what `command` does with them.
unsafe fn bpf(command: bpf_cmd, fill: impl FnOnce(&mut bpf_attr)) -> io::Result<i64> {
    // SAFETY: all-zero is a valid value of this union of plain numbers.
    let mut attributes: bpf_attr = unsafe { std::mem::zeroed() };
    fill(&mut attributes);
    // SAFETY: the attributes live through the call; the caller vouches for what they point to.
    let done = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command as libc::c_long,
            &raw mut attributes,
            size_of::<bpf_attr>(),
        )
    };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(done)
    }
}

fn descriptor(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().unsigned_abs()
}

/// Reads the value of `key` into `value`; false where the map has no such key.
///
/// # Errors
/// Those of `BPF_MAP_LOOKUP_ELEM` other than ENOENT.
///
/// # Safety
/// `key` and `value` have the map's key and value size (per-CPU maps: times the possible CPUs).
pub(super) unsafe fn lookup(map: BorrowedFd<'_>, key: &[u8], value: &mut [u8]) -> io::Result<bool> {
    // SAFETY: the caller vouches for the sizes.
    found(unsafe {
        bpf(bpf_cmd::BPF_MAP_LOOKUP_ELEM, |attributes| {
            attributes.__bindgen_anon_2.map_fd = descriptor(map);
            attributes.__bindgen_anon_2.key = key.as_ptr() as u64;
            attributes.__bindgen_anon_2.__bindgen_anon_1.value = value.as_mut_ptr() as u64;
        })
    })
}

/// Writes the value of `key`.
///
/// # Errors
/// Those of `BPF_MAP_UPDATE_ELEM`.
///
/// # Safety
/// As for [`lookup`].
pub(super) unsafe fn update(map: BorrowedFd<'_>, key: &[u8], value: &[u8]) -> io::Result<()> {
    // SAFETY: the caller vouches for the sizes.
    unsafe {
        bpf(bpf_cmd::BPF_MAP_UPDATE_ELEM, |attributes| {
            attributes.__bindgen_anon_2.map_fd = descriptor(map);
            attributes.__bindgen_anon_2.key = key.as_ptr() as u64;
            attributes.__bindgen_anon_2.__bindgen_anon_1.value = value.as_ptr() as u64;
        })
    }
    .map(drop)
}

/// Removes `key`; false where the map has no such key.
///
/// # Errors
/// Those of `BPF_MAP_DELETE_ELEM` other than ENOENT.
///
/// # Safety
/// `key` has the map's key size.
pub(super) unsafe fn delete(map: BorrowedFd<'_>, key: &[u8]) -> io::Result<bool> {
    // SAFETY: the caller vouches for the size.
    found(unsafe {
        bpf(bpf_cmd::BPF_MAP_DELETE_ELEM, |attributes| {
            attributes.__bindgen_anon_2.map_fd = descriptor(map);
            attributes.__bindgen_anon_2.key = key.as_ptr() as u64;
        })
    })
}

/// Reads the key behind `after` into `key`, or the first; false where there is none.
///
/// # Errors
/// Those of `BPF_MAP_GET_NEXT_KEY` other than ENOENT.
///
/// # Safety
/// Both keys have the map's key size.
pub(super) unsafe fn next_key(
    map: BorrowedFd<'_>,
    after: Option<&[u8]>,
    key: &mut [u8],
) -> io::Result<bool> {
    // SAFETY: the caller vouches for the sizes; no key to start from asks for the first.
    found(unsafe {
        bpf(bpf_cmd::BPF_MAP_GET_NEXT_KEY, |attributes| {
            attributes.__bindgen_anon_2.map_fd = descriptor(map);
            attributes.__bindgen_anon_2.key = after.map_or(0, |key| key.as_ptr() as u64);
            attributes.__bindgen_anon_2.__bindgen_anon_1.next_key = key.as_mut_ptr() as u64;
        })
    })
}

/// ENOENT is an answer, not an error.
fn found(done: io::Result<i64>) -> io::Result<bool> {
    match done {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// One step of a walk over a hash map.
pub(super) struct Batch {
    /// Keys and values that were filled in.
    pub(super) count: u32,
    /// The walk is over.
    pub(super) last: bool,
}

/// Reads up to `count` keys and values, whole buckets at a time (kernel/bpf/hashtab.c).
/// `position` is 0 bytes of meaning before the first step and the kernel's from then on.
///
/// # Errors
/// ENOSPC where a bucket holds more than `count`; others of `BPF_MAP_LOOKUP_BATCH`.
///
/// # Safety
/// `keys` and `values` have room for `count` of the map's keys and values.
pub(super) unsafe fn lookup_batch(
    map: BorrowedFd<'_>,
    position: &mut Option<u32>,
    keys: &mut [u8],
    values: &mut [u8],
    count: u32,
) -> io::Result<Batch> {
    let start = *position;
    let mut next = 0_u32;
    // SAFETY: all-zero is a valid value of this union of plain numbers.
    let mut attributes: bpf_attr = unsafe { std::mem::zeroed() };
    attributes.batch.in_batch = start
        .as_ref()
        .map_or(0, |position| &raw const *position as u64);
    attributes.batch.out_batch = &raw mut next as u64;
    attributes.batch.keys = keys.as_mut_ptr() as u64;
    attributes.batch.values = values.as_mut_ptr() as u64;
    attributes.batch.count = count;
    attributes.batch.map_fd = descriptor(map);
    // SAFETY: the caller vouches for the rooms; positions of a hash map are 4 bytes.
    let done = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            bpf_cmd::BPF_MAP_LOOKUP_BATCH as libc::c_long,
            &raw mut attributes,
            size_of::<bpf_attr>(),
        )
    };
    let error = (done < 0).then(io::Error::last_os_error);
    // SAFETY: the kernel wrote the count, also on ENOENT, which ends the walk.
    let count = unsafe { attributes.batch.count };
    match error {
        None => {
            *position = Some(next);
            Ok(Batch { count, last: false })
        }
        Some(error) if error.raw_os_error() == Some(libc::ENOENT) => {
            Ok(Batch { count, last: true })
        }
        Some(error) => Err(error),
    }
}

/// `union bpf_iter_link_info` (include/uapi/linux/bpf.h), the member for maps.
#[repr(C)]
struct IterLinkInfo {
    map_fd: u32,
    reserved: [u32; 3],
}

/// Ties an iterator program to a map.
///
/// # Errors
/// Those of `BPF_LINK_CREATE`.
pub(super) fn link_iterator(program: BorrowedFd<'_>, map: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let info = IterLinkInfo {
        map_fd: descriptor(map),
        reserved: [0; 3],
    };
    // SAFETY: `info` lives through the call and is as long as it says.
    let fd = unsafe {
        bpf(bpf_cmd::BPF_LINK_CREATE, |attributes| {
            attributes.link_create.__bindgen_anon_1.prog_fd = descriptor(program);
            attributes.link_create.attach_type = bpf_attach_type::BPF_TRACE_ITER as u32;
            let iter = &mut attributes.link_create.__bindgen_anon_3.__bindgen_anon_1;
            iter.iter_info = &raw const info as u64;
            iter.iter_info_len = size_of::<IterLinkInfo>() as u32;
        })
    }?;
    // SAFETY: the kernel just gave this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Starts one pass of an iterator link; reading the file runs it.
///
/// # Errors
/// Those of `BPF_ITER_CREATE`.
pub(super) fn start_iterator(link: &OwnedFd) -> io::Result<File> {
    // SAFETY: no pointers are involved.
    let fd = unsafe {
        bpf(bpf_cmd::BPF_ITER_CREATE, |attributes| {
            attributes.iter_create.link_fd = descriptor(link.as_fd());
        })
    }?;
    // SAFETY: the kernel just gave this descriptor to us alone.
    Ok(unsafe { File::from_raw_fd(fd as i32) })
}

/// Waits until every program that was running has returned (membarrier(2), MEMBARRIER_CMD_GLOBAL
/// is `synchronize_rcu`; kernel/sched/membarrier.c).
///
/// # Errors
/// EINVAL on kernels with `nohz_full` CPUs, where the command is off.
pub(super) fn grace_period() -> io::Result<()> {
    const MEMBARRIER_CMD_GLOBAL: libc::c_long = 1;
    // SAFETY: the call takes numbers only.
    let done = unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Tells when `fd` can be read.
///
/// # Errors
/// Where the runtime's poller takes no more descriptors.
pub(super) fn watch(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` stays the same open descriptor until it is dropped with the `AsyncFd`.
    unsafe { AsyncFd::register(fd) }.map_err(io::Error::from)
}

/// Nanoseconds since boot, suspend counted: the clock of the kernel programs.
#[must_use]
pub fn boot_time() -> u64 {
    clock(nix::time::ClockId::CLOCK_BOOTTIME)
}

/// Nanoseconds since boot, suspend not counted.
#[must_use]
pub(super) fn awake_time() -> u64 {
    clock(nix::time::ClockId::CLOCK_MONOTONIC)
}

/// Nanoseconds since 1970 (UTC).
#[must_use]
pub(super) fn wall_time() -> u64 {
    clock(nix::time::ClockId::CLOCK_REALTIME)
}

fn clock(id: nix::time::ClockId) -> u64 {
    let time = nix::time::clock_gettime(id).expect("Linux has this clock");
    time.tv_sec().unsigned_abs() * 1_000_000_000 + time.tv_nsec().unsigned_abs()
}
