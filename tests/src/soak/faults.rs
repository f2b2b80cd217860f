//! What goes wrong in a soak, when, and for how long: a row that a seed repeats.

use std::{fmt, str::FromStr, time::Duration};

use fastrand::Rng;

/// A fault by its name on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// SIGKILL, and a new start.
    Kill,
    /// No room on the disk.
    Full,
    /// SIGKILL, and a disk that takes no change until the agent has tried to start a few times.
    ReadOnly,
    /// SIGSTOP while many new flows with payload come: the rings run full.
    Ring,
    /// The interface goes down and comes back.
    Flap,
    /// SIGHUP.
    Reload,
    /// SIGTERM and a new start, while nothing is sent: no hook would count it.
    Restart,
    /// A step of the machine's clock, and back.
    Clock,
}

impl Fault {
    /// All, with names.
    const NAMES: [(&'static str, Self); 8] = [
        ("kill", Self::Kill),
        ("full", Self::Full),
        ("read-only", Self::ReadOnly),
        ("ring", Self::Ring),
        ("flap", Self::Flap),
        ("reload", Self::Reload),
        ("restart", Self::Restart),
        ("clock", Self::Clock),
    ];

    /// Those that touch nothing but the soak's own namespaces and folders.
    #[must_use]
    pub fn harmless() -> Vec<Self> {
        let all = Self::NAMES.iter().map(|(_, fault)| *fault);
        all.filter(|fault| *fault != Self::Clock).collect()
    }

    /// The agent does not survive it.
    fn ends_the_agent(self) -> bool {
        matches!(self, Self::Kill | Self::ReadOnly | Self::Restart)
    }

    /// Shortest and longest, milliseconds, at one fault a minute.
    fn span(self) -> (u64, u64) {
        match self {
            Self::Kill | Self::Reload | Self::Restart => (0, 0),
            Self::Full | Self::Clock => (10_000, 25_000),
            Self::ReadOnly => (5_000, 15_000),
            Self::Ring => (3_000, 12_000),
            Self::Flap => (1_000, 5_000),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::NAMES.iter().find(|(_, fault)| fault == self);
        formatter.write_str(named.map_or("", |(name, _)| name))
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let named = Self::NAMES.iter().find(|(known, _)| *known == name);
        named.map(|(_, fault)| *fault).ok_or_else(|| {
            let names = Self::NAMES.map(|(name, _)| name).join(", ");
            format!("no fault `{name}`; there are: {names}")
        })
    }
}

/// A fault that is to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Next {
    pub(super) fault: Fault,
    /// Between the end of the fault before and this one.
    pub(super) after: Duration,
    /// From its beginning to its end.
    pub(super) lasts: Duration,
}

/// The row of faults.
pub(super) struct Row {
    faults: Vec<Fault>,
    every: Duration,
    random: Rng,
    /// Those that are still to come before faults repeat.
    deck: Vec<Fault>,
    is_first: bool,
}

/// How often what the agent survives comes for each end of the agent: it must live long enough
/// to show a leak.
const SURVIVED: usize = 4;

impl Row {
    /// About one of `faults` in `every`.
    pub(super) fn new(faults: Vec<Fault>, every: Duration, seed: u64) -> Self {
        Self {
            faults,
            every,
            random: Rng::with_seed(seed),
            deck: Vec::new(),
            is_first: true,
        }
    }

    /// The next one; the first round has each fault once.
    pub(super) fn next(&mut self) -> Option<Next> {
        if self.deck.is_empty() {
            self.deal();
        }
        let fault = self.deck.pop()?;
        let (shortest, longest) = fault.span();
        let every = u64::try_from(self.every.as_millis()).unwrap_or(u64::MAX);
        let lasts = self.random.u64(shortest..=longest) * every.min(60_000) / 60_000;
        let after = self.random.u64(every / 2..=every.saturating_add(every / 2));
        Some(Next {
            fault,
            after: Duration::from_millis(after),
            lasts: Duration::from_millis(lasts),
        })
    }

    fn deal(&mut self) {
        for fault in &self.faults {
            let is_single = self.is_first || fault.ends_the_agent();
            let times = if is_single { 1 } else { SURVIVED };
            self.deck.extend(std::iter::repeat_n(*fault, times));
        }
        self.random.shuffle(&mut self.deck);
        self.is_first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seed: u64) -> Vec<Next> {
        let mut row = Row::new(Fault::harmless(), Duration::from_secs(60), seed);
        (0..40).filter_map(|_| row.next()).collect()
    }

    #[test]
    fn a_seed_repeats_its_row_and_another_gives_another() {
        assert_eq!(row(7), row(7));
        assert_ne!(row(7), row(8));
    }

    #[test]
    fn each_fault_comes_in_the_first_round() {
        let faults = Fault::harmless();
        let row = row(7);
        for fault in &faults {
            let first = &row[..faults.len()];
            assert!(first.iter().any(|next| next.fault == *fault), "{fault}");
        }
    }

    #[test]
    fn a_fault_is_read_by_the_name_that_it_shows() {
        for (name, fault) in Fault::NAMES {
            assert_eq!(name.parse(), Ok(fault));
            assert_eq!(fault.to_string(), name);
        }
        let error = "fire".parse::<Fault>().unwrap_err();
        assert!(error.starts_with("no fault `fire`; there are: kill,"));
    }
}
