//! `collector run`.

use std::{fs, process::ExitCode};

use anyhow::{Context, ensure};
use tracing::info;

use super::{USAGE, fail, finished};
use crate::{
    anonymize::{noise::Dp, promise::promise},
    cli::Run,
    live::{self, Agent, Lookout, Options, Summary},
    locate::sources::Sources,
    pipeline::PipelineConfig,
    settings::Settings,
};

pub(super) fn execute(run: Run) -> ExitCode {
    match plan(run) {
        Ok((options, config)) => finished(meter(options, config)),
        Err(error) => fail(&error, USAGE),
    }
}

/// Flags and file, checked; nothing has been touched yet.
fn plan(run: Run) -> anyhow::Result<(Options, (PipelineConfig, Sources))> {
    let file = match &run.config {
        Some(path) => {
            let text =
                fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
            Settings::from_toml(&text).with_context(|| path.display().to_string())?
        }
        None => Settings::default(),
    };
    let settings = file.under(run.settings);
    Ok((settings.options()?, settings.pipeline()?))
}

fn meter(options: Options, (config, sources): (PipelineConfig, Sources)) -> anyhow::Result<()> {
    let run_root = options.run_root.clone();
    info!("{}", promise(&config.sink.header));
    if let Some(dp) = &config.sink.header.dp {
        info!("{}", Dp::of(dp)?.assumption());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let lookout = Lookout::begin(sources).context("starting a thread")?;
    let start = || {
        let agent = Agent::start(options, config, ())?;
        Ok(agent.with(lookout))
    };
    let (summary, ()) = runtime.block_on(live::serve(start, &run_root))?;
    say_goodbye(&summary);
    judge(&summary)?;
    info!("everything written");
    Ok(())
}

fn say_goodbye(summary: &Summary) {
    let seen = summary.books.seen_total();
    info!(
        seen_packets = seen.packets,
        seen_bytes = seen.bytes,
        written_packets = summary.written.packets,
        flows = summary.flows,
        not_metered = summary.books.reasons_total().packets,
        lost_in_crash = summary.lost_in_crash.packets,
        "stopped"
    );
}

/// Whether everything that was seen is written, as exit code 0 says.
fn judge(summary: &Summary) -> anyhow::Result<()> {
    let unwritten = summary.unwritten.packets;
    ensure!(
        unwritten == 0,
        "{unwritten} packets are in no file: the output folder took nothing for too long"
    );
    ensure!(
        summary.balance.holds(),
        "the books do not hold by {} packets: please report this with the counters above",
        summary.balance.difference
    );
    summary.ended.clone().map_or(Ok(()), |why| Err(why.into()))
}

#[cfg(test)]
mod tests {
    use collector_common::{books::Books, wire::Tally};

    use super::*;
    use crate::live::{Balance, Ended};

    fn summary() -> Summary {
        Summary {
            books: Books::default(),
            written: Tally::default(),
            unwritten: Tally::default(),
            flows: 0,
            lost_in_crash: Tally::default(),
            balance: Balance::default(),
            ended: None,
        }
    }

    #[test]
    fn a_stop_is_a_success_only_when_asked_for_with_everything_written_and_the_books_in_balance() {
        assert!(judge(&summary()).is_ok());
        let mut lost = summary();
        lost.unwritten.packets = 3;
        assert!(judge(&lost).is_err());
        let mut unbalanced = summary();
        unbalanced.balance.difference = 1;
        assert!(judge(&unbalanced).is_err());
        let mut ended = summary();
        let interface = "wire".to_owned();
        ended.ended = Some(Ended::Gone { interface });
        assert!(judge(&ended).unwrap_err().to_string().contains("wire"));
    }
}
