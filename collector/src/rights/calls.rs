//! seccomp (seccomp(2)): the system calls that are let through.
//!
//! What is on no list fails with EPERM and does not kill: a new version of the C library may try a
//! new call and do without, and a meter that nobody watches goes on. Nothing is gained by whoever
//! tries what is denied.

use std::collections::BTreeMap;

use aya_obj::generated::bpf_cmd::{
    self, BPF_ITER_CREATE, BPF_MAP_DELETE_BATCH, BPF_MAP_DELETE_ELEM, BPF_MAP_GET_NEXT_KEY,
    BPF_MAP_LOOKUP_BATCH, BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM, BPF_PROG_TEST_RUN,
};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction,
    SeccompCmpArgLen::{Dword, Qword},
    SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

/// Commands of bpf(2) on descriptors that are held: none makes a map, loads a program, pins, or
/// finds what others have.
const BPF: [bpf_cmd; 8] = [
    BPF_MAP_LOOKUP_ELEM,
    BPF_MAP_UPDATE_ELEM,
    BPF_MAP_DELETE_ELEM,
    BPF_MAP_DELETE_BATCH,
    BPF_MAP_GET_NEXT_KEY,
    BPF_MAP_LOOKUP_BATCH,
    BPF_PROG_TEST_RUN,
    BPF_ITER_CREATE,
];

/// include/uapi/linux/sockios.h
const SIOCETHTOOL: u64 = 0x8946;

/// Memory, threads, time, waiting: what any program of this library does.
const COMMON: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    // Its flags lie in memory, where no filter looks: `OLD_CLONE` has the C library take clone(2).
    libc::SYS_clone3,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fstat,
    libc::SYS_futex,
    libc::SYS_getcwd,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_newfstatat,
    libc::SYS_ppoll,
    libc::SYS_read,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_statx,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_write,
    libc::SYS_writev,
];

/// Files of the output folder, the rings, who asks for the status. No call here makes a socket, a
/// process or a descriptor of another process.
const AGENT: &[i64] = &[
    libc::SYS_accept4,
    libc::SYS_dup,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fallocate,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getdents64,
    libc::SYS_getpeername,
    libc::SYS_getrusage,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_lseek,
    libc::SYS_membarrier,
    libc::SYS_mkdirat,
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_sched_getparam,
    libc::SYS_shutdown,
    libc::SYS_statfs,
    libc::SYS_unlinkat,
];

/// The same by the names that x86-64 had first.
#[cfg(target_arch = "x86_64")]
const OLD_NAMES: &[i64] = &[
    libc::SYS_access,
    libc::SYS_epoll_wait,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_NAMES: &[i64] = &[];

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// A list of system calls, ready to be put in force.
pub(super) struct Calls([BpfProgram; 2]);

/// What the agent calls once it runs. `keeps_filters`: filters on clsact go by netlink only.
pub(super) fn of_agent(keeps_filters: bool) -> Result<Calls, BackendError> {
    let mut rules = common()?;
    allow(&mut rules, AGENT);
    allow(&mut rules, OLD_NAMES);
    for command in BPF {
        allow_where(&mut rules, libc::SYS_bpf, vec![equal(0, command as u64)?])?;
    }
    for command in [
        libc::F_DUPFD_CLOEXEC,
        libc::F_GETFD,
        libc::F_SETFD,
        libc::F_GETFL,
        libc::F_SETFL,
    ] {
        let same = equal(1, u64::from(command.unsigned_abs()))?;
        allow_where(&mut rules, libc::SYS_fcntl, vec![same])?;
    }
    // What drivers say of their offloads; to change them takes CAP_NET_ADMIN.
    for request in [libc::FIONBIO, libc::TCGETS, SIOCETHTOOL] {
        allow_where(&mut rules, libc::SYS_ioctl, vec![equal(1, request)?])?;
    }
    // Limits are read, never set: the new ones' pointer is null.
    let old_limit = SeccompCondition::new(2, Qword, SeccompCmpOp::Eq, 0)?;
    allow_where(&mut rules, libc::SYS_prlimit64, vec![old_limit])?;
    // To the peer that a socket has: none is led to another.
    let no_address = SeccompCondition::new(4, Qword, SeccompCmpOp::Eq, 0)?;
    allow_where(&mut rules, libc::SYS_sendto, vec![no_address])?;
    if keeps_filters {
        let route = [
            equal(0, libc::AF_NETLINK as u64)?,
            equal(2, libc::NETLINK_ROUTE as u64)?,
        ];
        allow_where(&mut rules, libc::SYS_socket, route.into())?;
        allow(&mut rules, &[libc::SYS_bind, libc::SYS_setsockopt]);
    }
    compiled(rules)
}

/// What the opener calls.
pub(super) fn of_opener() -> Result<Calls, BackendError> {
    let mut rules = common()?;
    allow(
        &mut rules,
        &[libc::SYS_openat, libc::SYS_sendmsg, libc::SYS_sendto],
    );
    #[cfg(target_arch = "x86_64")]
    allow(&mut rules, &[libc::SYS_open]);
    compiled(rules)
}

/// Memory is never made executable; what is cloned is a thread; a signal goes to this process.
fn common() -> Result<Rules, BackendError> {
    let mut rules = Rules::new();
    allow(&mut rules, COMMON);
    let exec = u64::from(libc::PROT_EXEC.unsigned_abs());
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        allow_where(&mut rules, call, vec![masked(2, exec, 0)?])?;
    }
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    allow_where(
        &mut rules,
        libc::SYS_clone,
        vec![masked(0, thread, thread)?],
    )?;
    let own = equal(0, u64::from(std::process::id()))?;
    allow_where(&mut rules, libc::SYS_tgkill, vec![own])?;
    let name = equal(0, u64::from(libc::PR_SET_NAME.unsigned_abs()))?;
    allow_where(&mut rules, libc::SYS_prctl, vec![name])?;
    Ok(rules)
}

fn allow(rules: &mut Rules, calls: &[i64]) {
    rules.extend(calls.iter().map(|call| (*call, Vec::new())));
}

fn allow_where(
    rules: &mut Rules,
    call: i64,
    conditions: Vec<SeccompCondition>,
) -> Result<(), BackendError> {
    let rule = SeccompRule::new(conditions)?;
    rules.entry(call).or_default().push(rule);
    Ok(())
}

fn equal(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, Dword, SeccompCmpOp::Eq, value)
}

fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, Dword, SeccompCmpOp::MaskedEq(mask), value)
}

fn compiled(rules: Rules) -> Result<Calls, BackendError> {
    let denied = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let absent = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let arch = || TargetArch::try_from(std::env::consts::ARCH);
    let clone3 = Rules::from([(libc::SYS_clone3, Vec::new())]);
    let old_clone = SeccompFilter::new(clone3, SeccompAction::Allow, absent, arch()?)?;
    let list = SeccompFilter::new(rules, denied, SeccompAction::Allow, arch()?)?;
    Ok(Calls([old_clone.try_into()?, list.try_into()?]))
}

/// From now on the calling thread, and those it starts, make these calls only.
pub(super) fn enforce(Calls(filters): &Calls) -> Result<(), seccompiler::Error> {
    filters
        .iter()
        .try_for_each(|filter| seccompiler::apply_filter(filter))
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{self, ErrorKind},
        net::TcpListener,
        process::Command,
        thread,
    };

    use super::*;

    /// On a thread of its own: a filter is for life.
    fn within<R: Send + 'static>(calls: Calls, work: impl FnOnce() -> R + Send + 'static) -> R {
        let thread = thread::spawn(move || {
            enforce(&calls).unwrap();
            work()
        });
        thread.join().unwrap()
    }

    fn is_denied<T>(done: io::Result<T>) -> bool {
        done.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
    }

    #[test]
    fn the_agent_starts_threads_and_reads_files_and_neither_sockets_nor_programs() {
        within(of_agent(false).unwrap(), || {
            assert!(thread::spawn(|| ()).join().is_ok());
            assert!(File::open("/dev/null").is_ok());
            assert!(is_denied(TcpListener::bind("127.0.0.1:0")));
            assert!(is_denied(Command::new("/bin/true").spawn()));
            assert!(is_denied(
                aya::maps::MapInfo::from_id(1).map_err(|_| { io::Error::last_os_error() })
            ));
        });
    }

    #[test]
    fn filters_on_clsact_want_a_socket_to_the_kernel_and_no_other() {
        within(of_agent(true).unwrap(), || {
            let route = netlink_sys::Socket::new(netlink_sys::protocols::NETLINK_ROUTE);
            assert!(route.is_ok());
            let audit = netlink_sys::Socket::new(netlink_sys::protocols::NETLINK_AUDIT);
            assert!(is_denied(audit));
            assert!(is_denied(TcpListener::bind("127.0.0.1:0")));
        });
    }

    #[test]
    fn the_opener_opens_and_starts_nothing() {
        within(of_opener().unwrap(), || {
            assert!(File::open("/dev/null").is_ok());
            assert!(is_denied(std::fs::create_dir("/proc/nothing")));
            assert!(is_denied(std::os::unix::net::UnixDatagram::unbound()));
        });
    }
}
