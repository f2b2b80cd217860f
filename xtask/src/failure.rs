//! What a failed command exits with.

use std::{fmt, process::ExitCode};

/// The command line asks for something that does not exist: exit code 2.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// The exit code of wrong usage.
pub(crate) const WRONG_USAGE: u8 = 2;

/// A program of ours that failed has said why; this is its exit code.
#[derive(Debug)]
pub(crate) struct Reported(pub(crate) u8);

impl fmt::Display for Reported {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ended with exit code {}", self.0)
    }
}

impl std::error::Error for Reported {}

/// Prints the chain of causes once and picks the exit code.
pub(crate) fn exit_code(outcome: anyhow::Result<()>) -> ExitCode {
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    if let Some(Reported(code)) = error.downcast_ref() {
        return ExitCode::from(*code);
    }
    eprintln!("error: {error:#}");
    ExitCode::from(if error.is::<Usage>() { WRONG_USAGE } else { 1 })
}
