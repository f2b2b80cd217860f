//! `collector run`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, ensure};
use collector_common::schema::Header;
use tracing::{info, warn};

use super::{USAGE, fail, finished, reload::Configuration};
use crate::{
    anonymize::{noise::Dp, promise::promise},
    cli::Run,
    live::{self, Agent, Attached, Doors, Lookout, Options, Summary},
    locate::{country, leg},
    rights::{
        Account, Rights, files,
        opener::{self, Opener, Readable},
    },
    settings::Settings,
};

pub(super) fn execute(run: Run) -> ExitCode {
    match Plan::of(run) {
        Ok((plan, configuration)) => match plan.meter(configuration) {
            Err(error) if is_misuse(&error) => fail(&error, USAGE),
            done => finished(done),
        },
        Err(error) => fail(&error, USAGE),
    }
}

/// A file was named that can't be used, which is known only when it is read.
fn is_misuse(error: &anyhow::Error) -> bool {
    error.is::<leg::OpenError>() || error.is::<country::Unreadable>()
}

/// Flags and file, checked; nothing has been touched yet.
struct Plan {
    settings: Settings,
    options: Options,
    account: Account,
    folder: PathBuf,
    readable: Vec<Readable>,
}

impl Plan {
    fn of(run: Run) -> anyhow::Result<(Self, Configuration)> {
        let configuration = Configuration::read(run)?;
        let settings = configuration.settings().clone();
        settings.check()?;
        let mut readable = settings.readable();
        readable.extend(opener::files(configuration.path()));
        let plan = Self {
            options: settings.options()?,
            account: settings.account()?,
            folder: settings.folder()?,
            readable,
            settings,
        };
        Ok((plan, configuration))
    }

    fn meter(&self, mut configuration: Configuration) -> anyhow::Result<()> {
        let opener = match self.settings.has_sandbox() {
            true => Some(Opener::start(&self.readable, &self.account)?),
            false => None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let reload = |agent: &mut Agent<()>| configuration.reload(agent);
        let (summary, ()) = runtime.block_on(live::serve(|| self.start(opener), reload))?;
        say_goodbye(&summary);
        judge(&summary)?;
        info!("everything written");
        Ok(())
    }

    /// Attaches with all rights, gives them up, then reads what others wrote.
    fn start(&self, opener: Option<Opener>) -> anyhow::Result<(Agent<()>, Doors)> {
        let mut opened = None;
        let config = |attached: Attached<'_>| {
            let doors = attached.open_doors(&self.options)?;
            let rights = self.close_in(attached, &doors, opener)?;
            let addresses = doors.addresses.clone();
            let (config, sources) = self.settings.pipeline(Some(addresses))?;
            promise_to_log(&config.sink.header)?;
            let lookout = Lookout::begin(sources).context("starting a thread")?;
            opened = Some((doors, rights, lookout));
            Ok(config)
        };
        let agent = Agent::start(self.options.clone(), config, ())?;
        let (doors, rights, lookout) = opened.context("an agent without its sockets")?;
        Ok((agent.with(lookout).within(rights), doors))
    }

    fn close_in(
        &self,
        mut attached: Attached<'_>,
        doors: &Doors,
        opener: Option<Opener>,
    ) -> anyhow::Result<Rights> {
        let Some(opener) = opener else {
            let rights = Rights::all();
            warn!("{rights}");
            return Ok(rights);
        };
        let rights = attached.close_in(&self.account, &self.folder, doors, &opener)?;
        files::ask(opener);
        info!("{rights}");
        if rights.landlock.is_none() {
            warn!("this kernel has no Landlock: which files can be reached is up to this user");
        }
        Ok(rights)
    }
}

fn promise_to_log(header: &Header) -> anyhow::Result<()> {
    info!("{}", promise(header));
    if let Some(dp) = &header.dp {
        info!("{}", Dp::of(dp)?.assumption());
    }
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
