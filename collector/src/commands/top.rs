//! `collector top`.

use std::{process::ExitCode, time::Duration};

use super::{finished, print};
use crate::{cli, live::ask_glance, watching::top};

pub(super) fn execute(args: &cli::Top) -> ExitCode {
    finished(show(args))
}

fn show(args: &cli::Top) -> anyhow::Result<()> {
    let socket = args.agent.socket()?;
    let ask: top::Ask = Box::new(move || ask_glance(&socket));
    if args.once {
        return print(&top::once(ask)?);
    }
    top::run(ask, Duration::from_secs(args.interval.into()))
}
