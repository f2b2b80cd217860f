//! `collector explain`.

use std::{
    io::{self, BufWriter, Write as _},
    process::ExitCode,
};

use anyhow::ensure;
use tracing::{error, warn};

use super::{USAGE, fail, finished};
use crate::{
    capture::{
        explained::{Explain, Printed},
        reader::{Captures, Source, Sources, expand},
        replay::{Replay, ReplayConfig},
    },
    cli,
    inspect::{dissectors, explain::Detail},
};

pub(super) fn execute(args: cli::Explain) -> ExitCode {
    if args.dissectors {
        return finished(list());
    }
    match captures(&args) {
        Ok(captures) => finished(explain(captures, args)),
        Err(error) => fail(&error, USAGE),
    }
}

/// The families with their dissectors, in the order in which they are asked.
fn list() -> anyhow::Result<()> {
    let mut text = String::new();
    for (family, names) in dissectors() {
        text += &format!("{family}: {}\n", names.join(" "));
    }
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn captures(args: &cli::Explain) -> anyhow::Result<Vec<Source>> {
    let Sources { captures, skipped } = expand(&args.files)?;
    for skipped in &skipped {
        warn!("{skipped}");
    }
    ensure!(!captures.is_empty(), "there is no capture in what is named");
    Ok(captures)
}

/// Each capture by itself: what one holds does not lead into the next.
fn explain(captures: Vec<Source>, args: cli::Explain) -> anyhow::Result<()> {
    let detail = Detail {
        all: args.all || !args.asked.is_empty(),
        bytes: args.bytes.into(),
    };
    let config = ReplayConfig {
        explain: Some(detail),
        ..ReplayConfig::default()
    };
    let form = Explain {
        ports: args.port,
        labels: args.label,
        asked: args.asked,
    };
    let mut output = Printed::new(BufWriter::new(io::stdout().lock()));
    let (mut damaged, mut shed) = (0_u64, 0);
    for capture in captures {
        let mut replay = Replay::new(config.clone(), form.clone(), output);
        let mut captures = Captures::new(vec![capture]);
        loop {
            match captures.next() {
                Ok(Some(frame)) => replay.frame(&frame)?,
                Ok(None) => break,
                Err(damage) => {
                    error!("{damage}");
                    damaged += 1;
                }
            }
        }
        let (counted, printed) = replay.finish()?;
        shed += counted.samples_shed;
        output = printed;
        if output.is_closed() {
            return Ok(());
        }
    }
    if shed > 0 {
        warn!("{shed} pieces of payload were not judged: too many flows were undecided at a time");
    }
    if output.flows() == 0 {
        warn!("no flow of the captures is one that was asked for");
    }
    ensure!(damaged == 0, "{damaged} captures are damaged");
    Ok(())
}
