//! The command line of the flow meter.

use std::{alloc::System, process::ExitCode};

use clap::Parser;
use collector::{cli::Cli, commands, process};
use zeroizing_alloc::ZeroAlloc;

/// What is freed is zeroed: payload, keys and names leave nothing on the heap.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    if let Err(error) = process::seal() {
        eprintln!("collector: closing the process to others: {error}");
        return ExitCode::FAILURE;
    }
    commands::execute(Cli::parse())
}
