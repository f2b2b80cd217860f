//! Settings of `collector run`: the same keys as flags and in a TOML file; flags win.

use std::path::PathBuf;

use anyhow::{anyhow, bail, ensure};
use clap::Args;
use serde::{Deserialize, de::DeserializeOwned};

pub(crate) mod fuzz;
mod keeping;
mod metering;
mod reload;
mod tor;

use keeping::Keeping;
pub use metering::{Metering, NFSTREAM_ACTIVE, Payload, Privacy};
pub use reload::Choices;
pub use tor::Tor;

use crate::{
    live::{self, Ingress, Options, PIN_ROOT, RUN_ROOT, TcFlavour},
    locate::{leg::Host, own::Way, sources::Sources},
    pipeline::{PipelineConfig, SampleLimits},
    rights::{
        Account,
        opener::{self, Readable},
    },
    sink::disk::LocalDisk,
    watching::clients::metrics_address,
};

/// Flags and file keys alike. What is absent has the default that the help names.
#[derive(Args, Clone, Default, Deserialize)]
// Unknown keys are found before; those of `metering` are read apart, since a flattened part's
// errors name no key.
#[serde(default, rename_all = "kebab-case")]
pub struct Settings {
    /// Interface to meter; repeat it for more
    #[arg(long, value_name = "IF")]
    iface: Vec<String>,
    /// What replay has, too.
    #[command(flatten)]
    #[serde(skip)]
    metering: Metering,
    /// How large files get, and how long they stay.
    #[command(flatten)]
    #[serde(skip)]
    keeping: Keeping,
    /// Hook for what comes in: auto is tc, which is exact on every driver [default: auto]
    #[arg(long, value_enum)]
    ingress: Option<Ingress>,
    /// How TC programs are attached: tcx where the kernel has it, else clsact [default: auto]
    #[arg(long, value_enum)]
    tc: Option<TcFlavour>,
    /// Bytes of the rings of payload samples together, a power of two; with several CPUs there are
    /// two or four [default: 8388608]
    #[arg(long, value_name = "BYTES")]
    sample_ring: Option<u32>,
    /// What the thread of each of these rings may use of one core to inspect; samples beyond it are
    /// counted as lost [default: 50]
    #[arg(long, value_name = "PERCENT")]
    inspect_share: Option<u8>,
    /// Bytes of the ring of late packets, and of that of packets which find the table full; a power
    /// of two [default: 4194304]
    #[arg(long, value_name = "BYTES")]
    late_ring: Option<u32>,
    /// Serve counters as OpenMetrics at http://ADDRESS:PORT/metrics, for this host alone: a loopback
    /// address, as in 127.0.0.1:9155; what tells of traffic advances as files do [default: off]
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<String>,
    /// Leave nothing in the kernel that would survive a crash
    #[arg(long)]
    no_pin: bool,
    /// Where maps and links are pinned, on bpffs [default: /sys/fs/bpf/collector]
    #[arg(long, value_name = "DIR")]
    pin_dir: Option<PathBuf>,
    /// Where locks and the status socket are [default: /run/collector]
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// Who the agent becomes when its hooks are attached, by name or number [default: collector where
    /// there is such a user and it starts as root, else the one that starts it]
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Keep all rights, for debugging: without this the agent gives them up before it reads a packet
    #[arg(long, conflicts_with = "user")]
    no_sandbox: bool,
}

/// Says nothing of the exclusions, which are addresses.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("iface", &self.iface)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// From the text of a TOML file.
    ///
    /// # Errors
    /// Not TOML, a value of the wrong kind, or an unknown key: the nearest known one is named.
    pub fn from_toml(text: &str) -> anyhow::Result<Self> {
        let table: toml::Table = text.parse().map_err(|error| not_toml(text, &error))?;
        let known = known_keys();
        for key in table.keys() {
            if !known.contains(key) {
                bail!("unknown key{}{}", shown(key), suggestion(key, &known));
            }
        }
        // The library's own error would show the value, which holds addresses.
        let strings = |list: &toml::Value| {
            list.as_array()
                .is_some_and(|list| list.iter().all(toml::Value::is_str))
        };
        for (key, example) in [
            ("exclude", "192.0.2.0/24:22"),
            ("leg-rule", "local:out,user=backup"),
        ] {
            ensure!(
                table.get(key).is_none_or(strings),
                "`{key}` is a list of strings, as in [\"{example}\"]"
            );
        }
        let metering = Metering {
            tor: read(table.clone())?,
            ..read(table.clone())?
        };
        Ok(Self {
            metering,
            keeping: read(table.clone())?,
            ..read(table)?
        })
    }

    /// Where `flags` are silent, these speak.
    #[must_use]
    pub fn under(self, flags: Self) -> Self {
        Self {
            iface: either(flags.iface, self.iface),
            metering: self.metering.under(flags.metering),
            keeping: self.keeping.under(flags.keeping),
            ingress: flags.ingress.or(self.ingress),
            tc: flags.tc.or(self.tc),
            sample_ring: flags.sample_ring.or(self.sample_ring),
            inspect_share: flags.inspect_share.or(self.inspect_share),
            late_ring: flags.late_ring.or(self.late_ring),
            metrics: flags.metrics.or(self.metrics),
            no_pin: flags.no_pin || self.no_pin,
            pin_dir: flags.pin_dir.or(self.pin_dir),
            run_dir: flags.run_dir.or(self.run_dir),
            user: flags.user.or(self.user),
            no_sandbox: flags.no_sandbox || self.no_sandbox,
        }
    }

    /// The kernel's side.
    ///
    /// # Errors
    /// No interface, or a value out of its range: the message says which.
    pub fn options(&self) -> anyhow::Result<Options> {
        ensure!(
            !self.iface.is_empty(),
            "no interface is named; say --iface IF"
        );
        let defaults = Options::new(self.iface.clone());
        Ok(Options {
            ingress: self.ingress.unwrap_or_default(),
            tc: self.tc.unwrap_or_default(),
            table_size: self.metering.table_size()?,
            sample_ring: ring("--sample-ring", self.sample_ring, defaults.sample_ring)?,
            inspect_share: self.inspect_share(defaults.inspect_share)?,
            late_ring: ring("--late-ring", self.late_ring, defaults.late_ring)?,
            sample_payload: self.metering.samples_payload(),
            exclusions: self.metering.exclusions()?,
            timeouts: self.metering.timeouts()?,
            metrics: self.metrics.as_deref().map(metrics_address).transpose()?,
            pin: !self.no_pin,
            pin_root: self.pin_dir.clone().unwrap_or_else(|| PIN_ROOT.into()),
            run_root: self.run_dir(),
            ..defaults
        })
    }

    /// Whether the rest of them can be, as far as it is known before any file is read.
    ///
    /// # Errors
    /// As [`Metering::check`].
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!(
            !self.no_sandbox || self.user.is_none(),
            "--user is for the sandbox, which --no-sandbox leaves out; say the one or the other"
        );
        self.metering.check()
    }

    /// Who the agent is to be.
    ///
    /// # Errors
    /// As [`Account::chosen`].
    pub fn account(&self) -> anyhow::Result<Account> {
        Account::chosen(self.user.as_deref())
    }

    /// Whether rights are given up.
    #[must_use]
    pub fn has_sandbox(&self) -> bool {
        !self.no_sandbox
    }

    /// Where records go.
    ///
    /// # Errors
    /// As [`Metering::folder`].
    pub fn folder(&self) -> anyhow::Result<PathBuf> {
        self.metering.folder()
    }

    /// The files of others that are read while it runs, and may be another's alone.
    #[must_use]
    pub fn readable(&self) -> Vec<Readable> {
        [opener::packaged(), self.metering.readable()].concat()
    }

    /// What happens to a flow behind the kernel, and what is to be looked at again under way;
    /// `addresses` is whom to ask for the host's, where that is open already.
    ///
    /// # Errors
    /// As [`Metering::sink`] and [`Metering::sources`].
    pub fn pipeline(&self, addresses: Option<Way>) -> anyhow::Result<(PipelineConfig, Sources)> {
        let clock = live::wall_clock();
        let now = live::boot_time();
        let sources = self
            .metering
            .sources(Host::This, addresses, clock.utc(now))?;
        let surroundings = sources.current();
        let mut sink = self.metering.sink(&surroundings, self.metering.level()?)?;
        sink.limits = self.keeping.limits(sink.limits)?;
        let config = PipelineConfig {
            sink,
            disk: Box::new(LocalDisk),
            surroundings,
            samples: SampleLimits {
                blind: !self.metering.samples_payload(),
                ..SampleLimits::for_cuts_after(self.metering.timeouts()?.active)
            },
            clock,
            now,
        };
        Ok((config, sources))
    }

    fn inspect_share(&self, default: u8) -> anyhow::Result<u8> {
        let percent = self.inspect_share.unwrap_or(default);
        ensure!(
            (1..=100).contains(&percent),
            "--inspect-share is a percentage of a core, from 1 to 100, not {percent}"
        );
        Ok(percent)
    }

    /// Where locks and sockets are.
    #[must_use]
    pub fn run_dir(&self) -> PathBuf {
        self.run_dir.clone().unwrap_or_else(|| RUN_ROOT.into())
    }
}

/// Those keys of `table` that the type has.
fn read<T: DeserializeOwned>(table: toml::Table) -> anyhow::Result<T> {
    let read = toml::Value::Table(table).try_into();
    read.map_err(|error: toml::de::Error| anyhow!("{}", one_line(&error.to_string())))
}

/// Without the lines at fault, which the library would show: they may hold addresses.
fn not_toml(text: &str, error: &toml::de::Error) -> anyhow::Error {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(0, |before| before.matches('\n').count()) + 1;
    anyhow!("line {line} is not TOML: {}", one_line(error.message()))
}

fn one_line(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    lines.join(" ").trim_end().to_owned()
}

fn either<T>(first: Vec<T>, second: Vec<T>) -> Vec<T> {
    if first.is_empty() { second } else { first }
}

/// The kernel wants whole powers of two of a page.
fn ring(flag: &str, given: Option<u32>, default: u32) -> anyhow::Result<u32> {
    let bytes = given.unwrap_or(default);
    ensure!(
        bytes.is_power_of_two() && bytes >= 4096,
        "{flag} is a power of two of at least 4096 bytes, not {bytes}"
    );
    Ok(bytes)
}

/// Every key, as the flags name them.
fn known_keys() -> Vec<String> {
    let command = Settings::augment_args(clap::Command::new("run"));
    command
        .get_arguments()
        .filter_map(|flag| flag.get_long())
        .map(str::to_owned)
        .collect()
}

/// The key as a word; a quoted one may be an address, or several lines, and is not repeated.
fn shown(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if key.chars().all(plain) {
        format!(" `{key}`")
    } else {
        String::new()
    }
}

fn suggestion(key: &str, known: &[String]) -> String {
    let nearest = known
        .iter()
        .min_by_key(|name| strsim::damerau_levenshtein(key, name));
    match nearest {
        Some(name) => format!("; the nearest known one is `{name}`"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        let error = Settings::from_toml("idle-timout = 5")
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "unknown key `idle-timout`; the nearest known one is `idle-timeout`"
        );
    }

    #[test]
    fn an_error_is_one_line_and_repeats_no_address() {
        let wrong = [
            "exclude = \"198.51.100.7\"",
            "leg-rule = \"or:peer=198.51.100.7\"",
            "exclude = [\"198.51.100.7\"",
            "iface = [\"eth0\"]\nexclude = [198.51.100.7]",
            "table-size = \"many\"",
            "\"198.51.100.7\" = 22",
            "\"two\\nlines\" = 22",
        ];
        for text in wrong {
            let error = format!("{:#}", Settings::from_toml(text).unwrap_err());
            assert!(!error.contains("198.51"), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_told_with_its_key() {
        for key in ["table-size", "late-ring"] {
            let text = format!("{key} = \"many\"");
            let error = Settings::from_toml(&text).unwrap_err().to_string();
            assert!(error.contains(&format!("`{key}`")), "{error}");
        }
    }

    #[test]
    fn every_flag_is_a_key() {
        let text = r#"
            iface = ["eth0"]
            out = "/tmp/x"
            node = "n"
            ingress = "tc"
            tc = "clsact"
            payload = "none"
            exclude = ["192.0.2.1"]
            table-size = 1024
            sample-ring = 65536
            inspect-share = 25
            late-ring = 65536
            idle-timeout = 1
            half-open-timeout = 1
            active-timeout = 1
            linger = 1
            rotate-after = 60
            rotate-size = "1MiB"
            queue-bytes = 4096
            keep-days = 1
            keep-bytes = "1GiB"
            keep-free = 1
            write-failed = true
            privacy = "aggregate"
            dp = "epsilon=0.3,bound=1,period=day"
            geo = "/w"
            geoip = "/x"
            geoip6 = "/y"
            asn = "/z"
            torrc = ["/t"]
            data-dir = ["/d"]
            consensus = ["/c"]
            tor-user = ["tor"]
            leg-rule = ["local:udp"]
            metrics = "127.0.0.1:9155"
            no-pin = true
            pin-dir = "/p"
            run-dir = "/r"
            user = "0"
            no-sandbox = true
        "#;
        assert_eq!(text.trim().lines().count(), known_keys().len());
        let options = Settings::from_toml(text).unwrap().options().unwrap();
        assert_eq!(
            (options.table_size, options.pin, options.sample_payload),
            (1024, false, false)
        );
    }

    #[test]
    fn country_data_is_one_database_or_tors_files() {
        let both = Settings::from_toml("geo = \"/w\"\ngeoip = \"/x\"").unwrap();
        let error = both.pipeline(None).err().unwrap().to_string();
        assert!(error.contains("--geo takes the place"), "{error}");
    }

    #[test]
    fn a_flag_wins_over_the_file_and_exclusions_add_up() {
        let file = Settings::from_toml("table-size = 99\nexclude = [\"192.0.2.1\"]").unwrap();
        let flags = Settings {
            iface: vec!["eth0".into()],
            metering: Metering {
                table_size: Some(1000),
                exclude: vec!["192.0.2.2".into()],
                ..Metering::default()
            },
            ..Settings::default()
        };
        let options = file.under(flags).options().unwrap();
        assert_eq!((options.table_size, options.exclusions.len()), (1000, 2));
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let with = |text: &str| {
            Settings::from_toml(&format!("iface = [\"x\"]\n{text}"))
                .unwrap()
                .options()
        };
        for (text, flag) in [
            ("table-size = 1", "--table-size"),
            ("sample-ring = 5000", "--sample-ring"),
            ("idle-timeout = 0", "--idle-timeout"),
            ("metrics = \"192.0.2.1:9155\"", "--metrics"),
        ] {
            assert!(with(text).unwrap_err().to_string().contains(flag));
        }
    }

    #[test]
    fn the_live_meter_can_not_be_unprotected_and_says_who_can() {
        let off = Settings::from_toml("out = \"/x\"\nprivacy = \"off\"").unwrap();
        let error = off.pipeline(None).err().unwrap().to_string();
        assert!(error.contains("`collector replay` alone"), "{error}");
    }

    #[test]
    fn noise_is_for_the_level_without_flows() {
        let text = "out = \"/x\"\ndp = \"epsilon=1,bound=1,period=day\"";
        let error = Settings::from_toml(text)
            .unwrap()
            .pipeline(None)
            .err()
            .unwrap();
        assert!(error.to_string().contains("--privacy aggregate"), "{error}");
    }

    #[test]
    fn a_damaged_database_of_systems_is_told_with_its_flag_and_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "no database").unwrap();
        let path = file.path().display().to_string();
        let text = format!("out = \"/x\"\nasn = \"{path}\"");
        let error = Settings::from_toml(&text)
            .unwrap()
            .pipeline(None)
            .err()
            .unwrap();
        let error = format!("{error:#}");
        assert!(error.contains("--asn") && error.contains(&path), "{error}");
    }

    #[test]
    fn the_meter_is_called_after_the_first_relay_unless_it_has_a_name_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let torrc = folder.path().join("torrc");
        let called = |text: &str, more: &str| {
            std::fs::write(&torrc, text).unwrap();
            let text = format!("out = \"/x\"\ntorrc = [{torrc:?}]\n{more}");
            let config = Settings::from_toml(&text).unwrap().pipeline(None).unwrap();
            config.0.sink.header.node
        };
        let relay = "Nickname quick\nORPort 9001\n";
        assert_eq!(called(relay, ""), "quick");
        assert_eq!(called(relay, "node = \"n\""), "n");
        assert_eq!(called("SocksPort 9050\n", ""), "collector");
    }

    #[test]
    fn a_file_is_closed_after_a_second_at_the_soonest() {
        for seconds in [0, 86_401] {
            let text = format!("out = \"/x\"\nrotate-after = {seconds}");
            let error = Settings::from_toml(&text)
                .unwrap()
                .pipeline(None)
                .err()
                .unwrap();
            assert!(error.to_string().contains("--rotate-after"), "{error}");
        }
    }

    #[test]
    fn the_debug_form_of_settings_shows_no_exclusion() {
        let settings = Settings::from_toml("exclude = [\"198.51.100.7\"]").unwrap();
        assert!(!format!("{settings:?}").contains("198.51"));
    }
}
