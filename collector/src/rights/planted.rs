//! A hole, for the test of the sandbox: payload that begins with [`MAGIC`] has the agent try what
//! an intruder would, from where it is parsed, and write how each attempt ended.
//!
//! Behind the magic, one a line: the output folder, a file outside of it, a socket, the number of
//! another process, a file that the opener has.

#[cfg(not(debug_assertions))]
compile_error!("a program with a hole in it is for tests: never build a release with planted-hook");

use std::{
    fs::{self, File, OpenOptions},
    io,
    net::{TcpListener, TcpStream},
    os::unix::net::{UnixDatagram, UnixStream},
    path::Path,
    process::Command,
};

use aya_obj::generated::{bpf_attr, bpf_cmd};

use super::files;

/// What payload begins with that speaks to the hole.
pub const MAGIC: &[u8] = b"PLANTED-HOOK\n";
/// The report's name in the output folder: a line an attempt, with its name and `done` or an error.
pub const REPORT: &str = "planted.report";

/// Does what `payload` wants, if it is one that wants something.
pub fn look(payload: &[u8]) {
    let Some(rest) = payload.strip_prefix(MAGIC) else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    let lines: Vec<&str> = text.lines().collect();
    let [output, outside, socket, process, readable] = lines.as_slice() else {
        return;
    };
    let process = process.parse().unwrap_or(0);
    let mut report = Report(String::new());
    report.files(Path::new(output), Path::new(outside), Path::new(readable));
    report.sockets(Path::new(socket));
    report.processes(process);
    report.bpf();
    report.kernel();
    let path = Path::new(output).join(REPORT);
    report.note("write in the output folder", fs::write(&path, ""));
    // Nothing can be said where nothing can be written.
    let _ = fs::write(path, report.0);
}

struct Report(String);

impl Report {
    fn note<T>(&mut self, name: &str, done: io::Result<T>) {
        let end = match done {
            Ok(_) => "done".to_owned(),
            Err(error) => error.to_string(),
        };
        self.0 += &format!("{name}: {end}\n");
    }

    fn files(&mut self, output: &Path, outside: &Path, readable: &Path) {
        self.note("read /etc/shadow", File::open("/etc/shadow"));
        self.note("read a file outside", File::open(outside));
        self.note("list a folder outside", fs::read_dir("/etc"));
        let write = OpenOptions::new().append(true).open(outside);
        self.note("write a file outside", write);
        self.note(
            "make a file outside",
            File::create(outside.with_extension("made")),
        );
        self.note(
            "remove a file outside",
            fs::remove_file(outside.with_extension("gone")),
        );
        self.note("list the output folder", fs::read_dir(output));
        self.note(
            "ask the opener for a file of its list",
            files::open(readable),
        );
        self.note(
            "ask the opener for another file",
            files::open("/etc/shadow".as_ref()),
        );
        let around = readable.with_file_name("../etc/shadow");
        self.note("ask the opener for a way around", files::open(&around));
    }

    fn sockets(&mut self, socket: &Path) {
        self.note("make a TCP socket", TcpListener::bind("127.0.0.1:0"));
        let connected = TcpStream::connect("127.0.0.1:9").map(drop);
        self.note(
            "connect by TCP",
            connected.or_else(|error| match error.kind() {
                // Nobody listens there, but the attempt was let through.
                io::ErrorKind::ConnectionRefused => Ok(()),
                _ => Err(error),
            }),
        );
        self.note("make a local socket", UnixDatagram::unbound());
        self.note("connect to a local socket", UnixStream::connect(socket));
    }

    fn processes(&mut self, process: i64) {
        self.note("start a program", Command::new("/bin/true").status());
        // SAFETY: the child calls nothing but _exit(2).
        let forked = match unsafe { libc::fork() } {
            // SAFETY: it takes a number, and does not return.
            0 => unsafe { libc::_exit(0) },
            forked => result(forked.into()),
        };
        self.note("fork", forked);
        self.note(
            "signal another process",
            call(libc::SYS_kill, [process, 0, 0, 0]),
        );
        let seize = i64::from(libc::PTRACE_SEIZE);
        self.note(
            "trace another process",
            call(libc::SYS_ptrace, [seize, process, 0, 0]),
        );
        self.note(
            "open another process",
            call(libc::SYS_pidfd_open, [process, 0, 0, 0]),
        );
    }

    fn bpf(&mut self) {
        let map = bpf(bpf_cmd::BPF_MAP_CREATE, |attributes| {
            attributes.__bindgen_anon_1.map_type = 2;
            attributes.__bindgen_anon_1.key_size = 4;
            attributes.__bindgen_anon_1.value_size = 4;
            attributes.__bindgen_anon_1.max_entries = 1;
        });
        self.note("make a map", map);
        // r0 = 0; exit.
        let program: [u64; 2] = [0xb7, 0x95];
        let license = c"GPL";
        let loaded = bpf(bpf_cmd::BPF_PROG_LOAD, |attributes| {
            attributes.__bindgen_anon_3.prog_type = 1;
            attributes.__bindgen_anon_3.insn_cnt = 2;
            attributes.__bindgen_anon_3.insns = program.as_ptr() as u64;
            attributes.__bindgen_anon_3.license = license.as_ptr() as u64;
        });
        self.note("load a program", loaded);
        let next = bpf(bpf_cmd::BPF_MAP_GET_NEXT_ID, |_| {});
        self.note("look for maps of others", next);
        let path = c"/sys/fs/bpf/nothing";
        let got = bpf(bpf_cmd::BPF_OBJ_GET, |attributes| {
            attributes.__bindgen_anon_4.pathname = path.as_ptr() as u64;
        });
        // The call itself: there is no such pin.
        self.note(
            "open a pin",
            got.or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(0),
                _ => Err(error),
            }),
        );
        let mut key = [0_u8; 256];
        let held = (0..1024).find(|descriptor| {
            let next = bpf(bpf_cmd::BPF_MAP_GET_NEXT_KEY, |attributes| {
                attributes.__bindgen_anon_2.map_fd = *descriptor;
                attributes.__bindgen_anon_2.__bindgen_anon_1.next_key = key.as_mut_ptr() as u64;
            });
            next.is_ok()
        });
        self.note(
            "read a map that is held",
            held.ok_or(io::ErrorKind::NotFound.into()),
        );
    }

    fn kernel(&mut self) {
        let executable = i64::from(libc::PROT_READ | libc::PROT_EXEC);
        let anonymous = i64::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: new memory, of which nobody knows.
        let mapped = unsafe {
            libc::syscall(
                libc::SYS_mmap,
                0_i64,
                4096_i64,
                executable,
                anonymous,
                -1_i64,
                0_i64,
            )
        };
        self.note("make memory executable", result(mapped));
        let mut parameters = [0_u8; 120];
        let ring = parameters.as_mut_ptr() as i64;
        self.note(
            "use io_uring",
            call(libc::SYS_io_uring_setup, [1, ring, 0, 0]),
        );
        // The session's keyring, which is there or is made.
        self.note("use keyrings", call(libc::SYS_keyctl, [0, -3, 1, 0]));
        self.note(
            "leave for a namespace",
            call(libc::SYS_unshare, [libc::CLONE_NEWUTS.into(), 0, 0, 0]),
        );
        self.note("become root", call(libc::SYS_setresuid, [0, 0, 0, 0]));
    }
}

fn bpf(command: bpf_cmd, fill: impl FnOnce(&mut bpf_attr)) -> io::Result<i64> {
    // SAFETY: all-zero is a valid value of this union of plain numbers.
    let mut attributes: bpf_attr = unsafe { std::mem::zeroed() };
    fill(&mut attributes);
    let length = size_of::<bpf_attr>() as i64;
    call(
        libc::SYS_bpf,
        [command as i64, &raw mut attributes as i64, length, 0],
    )
}

fn call(number: i64, arguments: [i64; 4]) -> io::Result<i64> {
    let [first, second, third, fourth] = arguments;
    // SAFETY: the callers above put pointers to living memory in, or numbers.
    result(unsafe { libc::syscall(number, first, second, third, fourth) })
}

fn result(done: i64) -> io::Result<i64> {
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(done)
}
