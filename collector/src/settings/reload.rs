//! The configuration file read again under way: which keys take effect then, and what they are.

use anyhow::Context;
use collector_common::settings::Timeouts;

use super::Settings;
use crate::{
    exclusion::Exclusion,
    locate::{
        leg::{Host, LegRule},
        tor::user::User,
    },
    sink::Limits,
};

/// What can change under way: it takes no right, and opens nothing.
#[derive(Clone, Debug)]
pub struct Choices {
    /// When flows end.
    pub timeouts: Timeouts,
    /// Not metered.
    pub exclusions: Vec<Exclusion>,
    /// Failed flows get lines.
    pub write_failed: bool,
    /// When files are closed and removed.
    pub limits: Limits,
    /// Whom relays run as.
    pub users: Vec<User>,
    /// Whose traffic it is, before all other rules.
    pub rules: Vec<LegRule>,
}

/// When another value takes effect.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Now,
    Restart,
}

/// A key, when it takes effect, and whether two files say the same of it.
type Key = (&'static str, Effect, fn(&Settings, &Settings) -> bool);

macro_rules! key {
    ($name:literal, $effect:ident, $($field:ident).+) => {
        ($name, Effect::$effect, |one, other| one.$($field).+ == other.$($field).+)
    };
}

/// Every key. What names a file, a folder or an interface needs a restart: the running meter can
/// open nothing that it did not open, or was not told of, at its start.
const KEYS: [Key; 39] = [
    key!("iface", Restart, iface),
    key!("out", Restart, metering.out),
    key!("node", Restart, metering.node),
    key!("payload", Restart, metering.payload),
    key!("privacy", Restart, metering.privacy),
    key!("dp", Restart, metering.dp),
    key!("exclude", Now, metering.exclude),
    key!("table-size", Restart, metering.table_size),
    key!("idle-timeout", Now, metering.idle_timeout),
    key!("half-open-timeout", Now, metering.half_open_timeout),
    key!("active-timeout", Now, metering.active_timeout),
    key!("linger", Now, metering.linger),
    key!("rotate-after", Now, metering.rotate_after),
    key!("rotate-size", Now, keeping.rotate_size),
    key!("queue-bytes", Now, keeping.queue_bytes),
    key!("keep-days", Now, keeping.keep_days),
    key!("keep-bytes", Now, keeping.keep_bytes),
    key!("keep-free", Now, keeping.keep_free),
    key!("write-failed", Now, metering.write_failed),
    key!("geo", Restart, metering.geo),
    key!("geoip", Restart, metering.geoip),
    key!("geoip6", Restart, metering.geoip6),
    key!("asn", Restart, metering.asn),
    key!("torrc", Restart, metering.tor.torrc),
    key!("data-dir", Restart, metering.tor.data_dir),
    key!("consensus", Restart, metering.tor.consensus),
    key!("tor-user", Now, metering.tor.tor_user),
    key!("leg-rule", Now, metering.tor.leg_rule),
    key!("ingress", Restart, ingress),
    key!("tc", Restart, tc),
    key!("sample-ring", Restart, sample_ring),
    key!("late-ring", Restart, late_ring),
    key!("inspect-share", Restart, inspect_share),
    key!("no-pin", Restart, no_pin),
    key!("pin-dir", Restart, pin_dir),
    key!("run-dir", Restart, run_dir),
    key!("metrics", Restart, metrics),
    key!("user", Restart, user),
    key!("no-sandbox", Restart, no_sandbox),
];

impl Settings {
    /// Keys of which `new` says something else, and that take effect under way.
    #[must_use]
    pub fn changed_now(&self, new: &Self) -> Vec<&'static str> {
        self.changed(new, Effect::Now)
    }

    /// Keys of which `new` says something else than these, with which the meter started, and that
    /// need a restart.
    #[must_use]
    pub fn needing_restart(&self, new: &Self) -> Vec<&'static str> {
        let mut keys = self.changed(new, Effect::Restart);
        if self.never_excludes() && !new.never_excludes() {
            keys.push("exclude");
        }
        keys
    }

    /// The programs ask for exclusions only where there were some at their start: it costs each
    /// packet a lookup.
    fn never_excludes(&self) -> bool {
        self.metering.exclude.is_empty()
    }

    fn changed(&self, new: &Self, effect: Effect) -> Vec<&'static str> {
        let changed = KEYS
            .iter()
            .filter(|(_, when, same)| *when == effect && !same(self, new));
        changed.map(|(key, ..)| *key).collect()
    }

    /// What can change under way.
    ///
    /// # Errors
    /// Any key, of those too that need a restart, has a value that is none.
    pub fn choices(&self) -> anyhow::Result<Choices> {
        let options = self.options()?;
        self.metering.level()?;
        self.metering.dp()?;
        let legs = self.metering.tor.config(Host::This)?;
        Ok(Choices {
            timeouts: options.timeouts,
            exclusions: options.exclusions,
            write_failed: self.metering.write_failed,
            limits: self
                .keeping
                .limits(self.metering.limits().context("of files")?)?,
            users: legs.users,
            rules: legs.rules,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::known_keys;

    fn settings(more: &str) -> Settings {
        let text = format!("iface = [\"eth0\"]\nout = \"/x\"\n{more}");
        Settings::from_toml(&text).unwrap()
    }

    #[test]
    fn of_every_key_it_is_said_when_it_takes_effect() {
        let mut said: Vec<_> = KEYS.iter().map(|(key, ..)| (*key).to_owned()).collect();
        let mut known = known_keys();
        said.sort_unstable();
        known.sort_unstable();
        assert_eq!(said, known);
    }

    #[test]
    fn what_changed_is_named_and_what_did_not_is_not() {
        let before = settings("exclude = [\"192.0.2.1\"]\nidle-timeout = 60");
        let after = settings(
            "exclude = [\"192.0.2.2\"]\nidle-timeout = 61\ntable-size = 99\nasn = \"/a\"\n\
             run-dir = \"/r\"",
        );
        assert_eq!(before.changed_now(&after), ["exclude", "idle-timeout"]);
        assert_eq!(
            before.needing_restart(&after),
            ["table-size", "asn", "run-dir"]
        );
        assert!(before.needing_restart(&before.clone()).is_empty());
    }

    #[test]
    fn the_first_exclusion_needs_a_restart_and_the_last_one_may_go() {
        let (none, one) = (settings(""), settings("exclude = [\"192.0.2.1\"]"));
        assert_eq!(none.needing_restart(&one), ["exclude"]);
        assert!(one.needing_restart(&none).is_empty());
    }

    #[test]
    fn one_wrong_value_and_there_are_no_choices() {
        assert_eq!(
            settings("idle-timeout = 60")
                .choices()
                .unwrap()
                .timeouts
                .idle,
            60_000_000_000
        );
        for wrong in [
            "idle-timeout = 0",
            "table-size = 1",
            "leg-rule = [\"x\"]",
            "rotate-after = 0",
            "keep-days = 0",
        ] {
            assert!(settings(wrong).choices().is_err(), "{wrong}");
        }
    }
}
