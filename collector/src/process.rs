//! What the process keeps from others, and leaves to nobody: its memory.
//!
//! Addresses and payload are in memory while a flow is under way. They leave it neither in a core
//! file nor in the words of a panic; what was freed is zeroed by the program's allocator (in
//! `main`), and what dead stack frames hold by [`leaving_no_trace`].

use std::{
    hint::black_box,
    io::{self, Write},
    panic::{self, PanicHookInfo},
    thread,
};

use nix::sys::{
    prctl,
    resource::{Resource, setrlimit},
};

/// Closes the ways out of the process, for its whole life; threads follow.
///
/// # Errors
/// The kernel refuses, as no kernel does that runs the agent.
pub fn seal() -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    // A program that takes core files from a pipe (core(5)) gets them whatever that limit says; of
    // a process that can't be dumped there are none, and only root reads its memory.
    prctl::set_dumpable(false)?;
    panic::set_hook(Box::new(|panic| {
        // A closed standard error is no reason to panic once more.
        let _ = writeln!(io::stderr(), "{}", words(panic));
    }));
    Ok(())
}

/// Where it happened, and not what: a payload may quote anything that was in memory.
fn words(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map(ToString::to_string);
    format!(
        "collector: panicked at {} (thread {}); what it said is left out, it may hold data: please \
         report this line",
        place.as_deref().unwrap_or("an unknown place"),
        thread::current().name().unwrap_or("without a name"),
    )
}

/// Twice what the agent was seen to touch of its stack, bytes.
const STACK: usize = 128 << 10;

/// Does `work`, then overwrites the stack that it used: keys and payload in its dead frames go.
pub fn leaving_no_trace<R>(work: impl FnOnce() -> R) -> R {
    let done = apart(work);
    overwrite_stack();
    done
}

/// Does `work` on a stack that was overwritten before: what `work` makes there and puts on the heap
/// holds nothing old in the parts that it leaves unset, as a `None` does.
pub fn on_clean_stack<R>(work: impl FnOnce() -> Box<R>) -> Box<R> {
    overwrite_stack();
    apart(work)
}

/// In frames of its own: were it inlined, its values would lie in those of the caller, which live
/// on.
#[inline(never)]
fn apart<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[inline(never)]
fn overwrite_stack() {
    black_box(&mut [0_u8; STACK]);
}

#[cfg(test)]
mod tests {
    use std::{env, fs::File, os::unix::fs::FileExt, process::Command};

    use nix::sys::resource::getrlimit;

    use super::*;

    const CANARY: &str = "198.51.100.77";
    /// Set in the process that is to panic.
    const DOOMED: &str = "COLLECTOR_TEST_DOOMED";
    const THIS_TEST: &str =
        "process::tests::a_sealed_process_can_not_be_dumped_and_its_panics_tell_where_and_not_what";

    #[test]
    fn a_sealed_process_can_not_be_dumped_and_its_panics_tell_where_and_not_what() {
        if env::var_os(DOOMED).is_some() {
            seal().unwrap();
            let limits = getrlimit(Resource::RLIMIT_CORE).unwrap();
            if limits == (0, 0) && !prctl::get_dumpable().unwrap() {
                panic!("{CANARY}");
            }
            return;
        }
        let mut doomed = Command::new(env::current_exe().unwrap());
        doomed.args(["--exact", "--nocapture", THIS_TEST]);
        let output = doomed.env(DOOMED, "1").output().unwrap();
        assert_eq!(output.status.code(), Some(101));
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(
            said.contains("panicked at collector/src/process.rs:"),
            "{said}"
        );
        assert!(!said.contains(CANARY), "{said}");
    }

    /// What the search itself keeps must not be found.
    const VEIL: u8 = 0xff;
    const VEILED: [u8; 16] = *b"kanarie-on-stack";

    /// Leaves a frame full of what is unveiled.
    #[inline(never)]
    fn sing() {
        let mut frame = [0_u8; STACK / 4];
        for (byte, veiled) in frame.iter_mut().zip(VEILED.iter().cycle()) {
            *byte = veiled ^ VEIL;
        }
        black_box(&mut frame);
    }

    /// Whether it is on this thread's stack, in the frames of those that have returned.
    fn is_left() -> bool {
        let mut below = vec![0; STACK];
        let here = (&raw const below).addr() as u64;
        let memory = File::open("/proc/self/mem").unwrap();
        memory
            .read_exact_at(&mut below, here - STACK as u64)
            .unwrap();
        let sings = |bytes: &[u8]| {
            bytes
                .iter()
                .zip(VEILED)
                .all(|(byte, veiled)| byte ^ VEIL == veiled)
        };
        below.windows(VEILED.len()).any(sings)
    }

    #[test]
    fn what_work_left_on_the_stack_is_overwritten() {
        sing();
        assert!(is_left(), "nothing could be found");
        leaving_no_trace(sing);
        assert!(!is_left());
    }
}
