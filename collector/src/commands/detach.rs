//! `collector detach`.

use std::process::ExitCode;

use tracing::info;

use super::finished;
use crate::{
    cli::Detach,
    live::{self, Options},
};

pub(super) fn execute(args: Detach) -> ExitCode {
    let options = Options {
        pin_root: args.pin_dir,
        run_root: args.run_dir,
        ..Options::new(args.iface)
    };
    finished(live::detach(&options).map(|removed| match removed {
        0 => info!("nothing of ours was there"),
        _ => info!("removed what a dead agent left"),
    }))
}
