//! The configuration file, at the start and when SIGHUP asks to read it again.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::Context;
use tracing::{error, info, warn};

use crate::{
    cli::Run,
    live::Agent,
    pipeline::Tap,
    rights::files,
    settings::{Choices, Settings},
};

/// What the meter runs by.
pub(super) struct Configuration {
    run: Run,
    /// With which it started.
    started: Settings,
    /// Of which those keys hold that can change under way.
    current: Settings,
}

impl Configuration {
    /// Flags and file.
    ///
    /// # Errors
    /// The file can't be read, or is none.
    pub(super) fn read(run: Run) -> anyhow::Result<Self> {
        let started = merged(&run)?;
        Ok(Self {
            current: started.clone(),
            started,
            run,
        })
    }

    /// The file, if one is named.
    pub(super) fn path(&self) -> &Option<PathBuf> {
        &self.run.config
    }

    /// As at the start.
    pub(super) fn settings(&self) -> &Settings {
        &self.started
    }

    /// Reads the file again, and gives `agent` what can change under way; a file that is wrong
    /// changes nothing. Both are said in the log.
    pub(super) fn reload<T: Tap>(&mut self, agent: &mut Agent<T>) {
        match self.again().and_then(|(new, choices)| {
            agent.reload(choices)?;
            Ok(new)
        }) {
            Ok(new) => self.tell(new),
            Err(error) => error!("the configuration stays as it is: {error:#}"),
        }
    }

    fn again(&self) -> anyhow::Result<(Settings, Choices)> {
        anyhow::ensure!(
            self.run.config.is_some(),
            "no --config names a file that could be read again"
        );
        let new = merged(&self.run)?;
        let choices = new.choices()?;
        Ok((new, choices))
    }

    fn tell(&mut self, new: Settings) {
        let refused = self.started.needing_restart(&new);
        if !refused.is_empty() {
            warn!("needs a restart: {}", refused.join(", "));
        }
        let mut changed = self.current.changed_now(&new);
        changed.retain(|key| !refused.contains(key));
        info!(
            changed = changed.join(", "),
            "the configuration was read again"
        );
        self.current = new;
    }
}

fn merged(run: &Run) -> anyhow::Result<Settings> {
    let file = match &run.config {
        Some(path) => {
            let text = text_of(path).with_context(|| format!("reading {}", path.display()))?;
            Settings::from_toml(&text).with_context(|| path.display().to_string())?
        }
        None => Settings::default(),
    };
    Ok(file.under(run.settings.clone()))
}

/// No longer than any configuration.
const MAX_FILE: u64 = 1 << 20;

fn text_of(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    files::open(path)?
        .take(MAX_FILE)
        .read_to_string(&mut text)?;
    Ok(text)
}
