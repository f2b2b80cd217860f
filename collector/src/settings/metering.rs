//! Settings of metering itself, live or offline.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, bail, ensure};
use clap::{Args, ValueEnum};
use collector_common::{
    schema::{Header, Level, PayloadMode, SCHEMA_VERSION, TimeZone},
    settings::{DEFAULT_TABLE_SIZE, SECOND, Timeouts},
};
use jiff::Timestamp;
use serde::Deserialize;

use super::tor::Tor;
use crate::{
    anonymize::noise::Dp,
    exclusion::{self, Exclusion},
    locate::{
        Surroundings,
        country::{self, Files},
        leg::{self, Host},
        own::Way,
        sources::Sources,
    },
    rights::opener::{self, Readable},
    sink::{Limits, SinkConfig, entry::Lineage},
};

/// Whether payload is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Payload {
    /// The first bytes of each flow, in memory only, until its protocol is known.
    Sample,
    /// Not one byte is copied: labels come from ports and are marked as guessed.
    None,
}

/// What is kept of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Privacy {
    /// Counts of a day alone.
    Aggregate,
    /// Flows with full hours, powers of two, common ports.
    Coarse,
    /// Flows with minutes, exact packets, all ports.
    Thesis,
    /// `replay` alone: exact counts, ports, user agents; no addresses, even then.
    Off,
}

/// NFStream's default active timeout, nanoseconds.
pub const NFSTREAM_ACTIVE: u64 = 1800 * SECOND;

/// Flags that `run` and `replay` share; keys of the configuration file, too.
#[derive(Args, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Metering {
    /// Folder for the records; made with mode 0700 if absent
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Name of this meter in files [default: the first relay's nickname, else collector]; never the
    /// host's name
    #[arg(long, value_name = "NAME")]
    pub(super) node: Option<String>,
    /// Take the first payload bytes of each flow, or none at all [default: sample]
    #[arg(long, value_enum)]
    pub(super) payload: Option<Payload>,
    /// What is kept of people: aggregate writes the counts of a day alone; coarse writes flows too,
    /// with full hours, powers of two and common ports; thesis with minutes and exact packets [default:
    /// coarse]
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(super) privacy: Option<Privacy>,
    /// At level aggregate, counts of flows with noise: differential privacy for actions of at most
    /// `bound` flows; one release in a period (day, week, month)
    #[arg(long, value_name = "epsilon=E,bound=N,period=P")]
    pub(super) dp: Option<String>,
    /// Never meter these, as in 192.0.2.7, 192.0.2.0/24:22,80 or [2001:db8::1]:22; repeatable
    #[arg(long, value_name = "PREFIX[:PORTS]")]
    pub(super) exclude: Vec<String>,
    /// Flows the table holds; about 300 bytes each [default: 262144]
    #[arg(long, value_name = "FLOWS")]
    pub(super) table_size: Option<u32>,
    /// A flow ends when it is quiet for so long [default: 120]
    #[arg(long, value_name = "SECONDS")]
    pub(super) idle_timeout: Option<u64>,
    /// An opening that nobody completes ends after so long [default: 10]
    #[arg(long, value_name = "SECONDS")]
    pub(super) half_open_timeout: Option<u64>,
    /// A longer flow is written in parts of so long [default: 3600]
    #[arg(long, value_name = "SECONDS")]
    pub(super) active_timeout: Option<u64>,
    /// What trails behind FIN or RST still counts for so long [default: 2]
    #[arg(long, value_name = "SECONDS")]
    pub(super) linger: Option<u64>,
    /// A file is closed after so long [default: 3600; of a replay by size alone]
    #[arg(long, value_name = "SECONDS")]
    pub(super) rotate_after: Option<u64>,
    /// Give failed flows (four packets or fewer) lines too, instead of counters alone
    #[arg(long)]
    pub(super) write_failed: bool,
    /// Country data in the place of tor's files: a database in MaxMind's format, as in
    /// GeoLite2-Country.mmdb, or the text that `location dump` of IPFire's libloc writes, whose
    /// autonomous systems serve as those of --asn [default: none]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["geoip", "geoip6"])]
    pub(super) geo: Option<PathBuf>,
    /// tor's country file for IPv4 [default: /usr/share/tor/geoip]
    #[arg(long, value_name = "FILE")]
    pub(super) geoip: Option<PathBuf>,
    /// tor's country file for IPv6 [default: /usr/share/tor/geoip6]
    #[arg(long, value_name = "FILE")]
    pub(super) geoip6: Option<PathBuf>,
    /// Database of autonomous systems in MaxMind's format, as in GeoLite2-ASN.mmdb: flows that
    /// neither payload nor port names are named by whose network they go to [default: none]
    #[arg(long, value_name = "FILE")]
    pub(super) asn: Option<PathBuf>,
    /// What tells legs.
    #[command(flatten)]
    #[serde(skip)]
    pub(super) tor: Tor,
}

/// Says nothing of the exclusions, which are addresses.
impl std::fmt::Debug for Metering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metering")
            .field("out", &self.out)
            .finish_non_exhaustive()
    }
}

impl Metering {
    /// Where `flags` are silent, these speak.
    #[must_use]
    pub fn under(self, flags: Self) -> Self {
        Self {
            out: flags.out.or(self.out),
            node: flags.node.or(self.node),
            payload: flags.payload.or(self.payload),
            privacy: flags.privacy.or(self.privacy),
            dp: flags.dp.or(self.dp),
            exclude: [self.exclude, flags.exclude].concat(),
            table_size: flags.table_size.or(self.table_size),
            idle_timeout: flags.idle_timeout.or(self.idle_timeout),
            half_open_timeout: flags.half_open_timeout.or(self.half_open_timeout),
            active_timeout: flags.active_timeout.or(self.active_timeout),
            linger: flags.linger.or(self.linger),
            rotate_after: flags.rotate_after.or(self.rotate_after),
            write_failed: flags.write_failed || self.write_failed,
            geo: flags.geo.or(self.geo),
            geoip: flags.geoip.or(self.geoip),
            geoip6: flags.geoip6.or(self.geoip6),
            asn: flags.asn.or(self.asn),
            tor: self.tor.under(flags.tor),
        }
    }

    /// What is not metered.
    ///
    /// # Errors
    /// A rule that is none, or more than the kernel takes.
    pub fn exclusions(&self) -> anyhow::Result<Vec<Exclusion>> {
        let exclusions: Vec<Exclusion> = self
            .exclude
            .iter()
            .map(|rule| rule.parse())
            .collect::<anyhow::Result<_>>()
            .context("in --exclude")?;
        exclusion::check_exclusions(&exclusions).context("in --exclude")?;
        Ok(exclusions)
    }

    /// Whether the active timeout is set, and no default.
    #[must_use]
    pub fn sets_active(&self) -> bool {
        self.active_timeout.is_some()
    }

    /// Whether it is set when a file is closed.
    #[must_use]
    pub fn sets_rotation(&self) -> bool {
        self.rotate_after.is_some()
    }

    /// Flows that the table holds.
    ///
    /// # Errors
    /// Out of range.
    pub fn table_size(&self) -> anyhow::Result<u32> {
        let table_size = self.table_size.unwrap_or(DEFAULT_TABLE_SIZE);
        ensure!(
            (16..=1 << 26).contains(&table_size),
            "--table-size is from 16 to 67108864 flows, not {table_size}"
        );
        Ok(table_size)
    }

    /// Whether payload is looked at.
    #[must_use]
    pub fn samples_payload(&self) -> bool {
        self.payload.unwrap_or(Payload::Sample) == Payload::Sample
    }

    /// What is written of people; what comes unprotected is asked for by [`Privacy::Off`].
    ///
    /// # Errors
    /// None is protected.
    pub fn level(&self) -> anyhow::Result<Level> {
        match self.privacy() {
            Privacy::Aggregate => Ok(Level::Aggregate),
            Privacy::Coarse => Ok(Level::Coarse),
            Privacy::Thesis => Ok(Level::Thesis),
            Privacy::Off => bail!(
                "`collector run` always protects; `collector replay` alone can turn it off, for \
                 captures of your own"
            ),
        }
    }

    /// What is kept of people.
    #[must_use]
    pub fn privacy(&self) -> Privacy {
        self.privacy.unwrap_or(Privacy::Coarse)
    }

    /// Noise in the counts.
    ///
    /// # Errors
    /// Parameters that are none, or a level that has no use for them.
    pub fn dp(&self) -> anyhow::Result<Option<Dp>> {
        let Some(text) = &self.dp else {
            return Ok(None);
        };
        ensure!(
            self.privacy() == Privacy::Aggregate,
            "--dp is for --privacy aggregate: other levels write flows, which noise does not hide"
        );
        Ok(Some(text.parse().context("in --dp")?))
    }

    /// When flows end.
    ///
    /// # Errors
    /// A time out of range.
    pub fn timeouts(&self) -> anyhow::Result<Timeouts> {
        let of = |flag: &str, given: Option<u64>, default: u64| {
            anyhow::Ok(within_a_day(flag, given.unwrap_or(default / SECOND))? * SECOND)
        };
        let default = Timeouts::DEFAULT;
        Ok(Timeouts {
            idle: of("--idle-timeout", self.idle_timeout, default.idle)?,
            half_open: of(
                "--half-open-timeout",
                self.half_open_timeout,
                default.half_open,
            )?,
            unanswered: Timeouts::NEVER,
            active: of("--active-timeout", self.active_timeout, default.active)?,
            linger: of("--linger", self.linger, default.linger)?,
        })
    }

    /// Where and how to write at `level`.
    ///
    /// # Errors
    /// No output folder, a node name that is no file name, a time out of range.
    pub fn sink(&self, surroundings: &Surroundings, level: Level) -> anyhow::Result<SinkConfig> {
        let nickname = surroundings.legs.nickname().map(String::from);
        let node = self.node.clone().or(nickname);
        let node = node.as_deref().unwrap_or("collector");
        let folder = self.folder()?;
        Ok(SinkConfig {
            folder,
            node: node.parse().with_context(|| format!("in --node {node}"))?,
            header: Header {
                schema: SCHEMA_VERSION,
                node: node.to_owned(),
                time_zone: TimeZone::Utc,
                level,
                k: level.k(),
                dp: self.dp()?.as_ref().map(Dp::describe),
                geo: surroundings.countries.describe(),
                relays: surroundings.legs.relays(),
                exclusions: u32::try_from(self.exclude.len()).unwrap_or(u32::MAX),
                payload: if self.samples_payload() {
                    PayloadMode::Sample
                } else {
                    PayloadMode::None
                },
                meter: env!("CARGO_PKG_VERSION").to_owned(),
            },
            lineage: Lineage::default(),
            ends: false,
            write_failed: self.write_failed,
            limits: self.limits()?,
        })
    }

    /// When files are closed and removed.
    ///
    /// # Errors
    /// A time out of range.
    pub fn limits(&self) -> anyhow::Result<Limits> {
        let defaults = Limits::default();
        let spool_age = match self.rotate_after {
            Some(seconds) => Duration::from_secs(within_a_day("--rotate-after", seconds)?),
            None => defaults.spool_age,
        };
        Ok(Limits {
            spool_age,
            ..defaults
        })
    }

    /// Where records go.
    ///
    /// # Errors
    /// No output folder is named.
    pub fn folder(&self) -> anyhow::Result<PathBuf> {
        let named = self.out.clone();
        named.context("no output folder is named; say --out DIR")
    }

    /// Whether all this can be, as far as it is known before any file is read.
    ///
    /// # Errors
    /// As [`Metering::sink`]; a rule that is none; country data named twice.
    pub fn check(&self) -> anyhow::Result<()> {
        self.sink(&Surroundings::default(), self.level()?)?;
        self.tor.config(Host::This)?;
        self.one_geo()
    }

    fn one_geo(&self) -> anyhow::Result<()> {
        ensure!(
            self.geo.is_none() || (self.geoip.is_none() && self.geoip6.is_none()),
            "--geo takes the place of --geoip and --geoip6; say the one or the others"
        );
        Ok(())
    }

    /// The files that are named here.
    pub(super) fn readable(&self) -> Vec<Readable> {
        let geo = [&self.geo, &self.geoip, &self.geoip6, &self.asn];
        let mut readable: Vec<_> = opener::files(geo.into_iter().flatten()).collect();
        readable.extend(self.tor.readable());
        readable
    }

    /// Where what is known of addresses comes from, for a meter of `host` at `now`; `addresses` is
    /// whom to ask for those of this host, where that is open already. Country data is in files that
    /// are named here, else in torrc, else packaged.
    ///
    /// # Errors
    /// A named file can't be read.
    pub fn sources(
        &self,
        host: Host,
        addresses: Option<Way>,
        now: Timestamp,
    ) -> anyhow::Result<Sources> {
        self.one_geo()?;
        let config = leg::Config {
            addresses,
            ..self.tor.config(host)?
        };
        let legs = leg::Source::open(config, now)?;
        let [torrc_geoip, torrc_geoip6] = legs.geoip_files();
        let places = country::Source::open(Files {
            geo: self.geo.clone(),
            geoip: self.geoip.clone(),
            geoip6: self.geoip6.clone(),
            asn: self.asn.clone(),
            torrc_geoip,
            torrc_geoip6,
        })?;
        Ok(Sources { places, legs })
    }
}

fn within_a_day(flag: &str, seconds: u64) -> anyhow::Result<u64> {
    ensure!(
        (1..=86_400).contains(&seconds),
        "{flag} is from 1 to 86400 seconds, not {seconds}"
    );
    Ok(seconds)
}
