//! What the process keeps from others, and leaves to nobody: its memory.
//!
//! Addresses and payload are in memory while a flow is under way. They leave it neither in a core
//! file nor in the words of a panic; what was freed is zeroed by the program's allocator (in
//! `main`), and what dead stack frames hold by [`leaving_no_trace`].

use std::{
    hint::black_box,
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
    panic::set_hook(Box::new(|panic| eprintln!("{}", words(panic))));
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

/// More than the stack that a pass over the flow table or a look at payload takes, bytes.
const STACK: usize = 64 << 10;

/// Does `work`, then overwrites the stack that it used: keys and payload in its dead frames go.
pub fn leaving_no_trace<R>(work: impl FnOnce() -> R) -> R {
    let done = apart(work);
    overwrite_stack();
    done
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
    use std::{env, process::Command};

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
}
