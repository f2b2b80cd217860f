//! What a torrc's keys mean, once all its files are laid over each other.

use std::path::PathBuf;

use hashbrown::HashMap;

use super::{
    Bandwidth, ExitPolicy, Listener, Torrc,
    include::Setting,
    lines::Command,
    listener,
    policy::{Base, Deciding},
    quantity,
};
use crate::locate::{ip::Ip, tor::file::FileError};

/// Keys that are read; all others are passed over. Case does not matter.
pub(super) const KEYS: [&str; 18] = [
    "Nickname",
    "User",
    "DataDirectory",
    "ORPort",
    "DirPort",
    "OutboundBindAddress",
    "OutboundBindAddressExit",
    "OutboundBindAddressOR",
    "GeoIPFile",
    "GeoIPv6File",
    "ExitRelay",
    "ExitPolicy",
    "ReducedExitPolicy",
    "IPv6Exit",
    "BandwidthRate",
    "BandwidthBurst",
    "RelayBandwidthRate",
    "RelayBandwidthBurst",
];

pub(super) fn is_wanted(key: &str) -> bool {
    KEYS.iter().any(|known| known.eq_ignore_ascii_case(key))
}

/// Values by key, lower case.
#[derive(Default)]
pub(super) struct Values(HashMap<String, Vec<Setting>>);

impl Values {
    /// Lays the settings of a file over those before.
    pub(super) fn layer(&mut self, settings: Vec<Setting>) {
        let mut replaced = Vec::new();
        for setting in settings {
            let key = setting.key.to_ascii_lowercase();
            let values = self.0.entry(key.clone()).or_default();
            let first = !replaced.contains(&key);
            if setting.command == Command::Clear || (setting.command == Command::Set && first) {
                values.clear();
            }
            if first {
                replaced.push(key);
            }
            if setting.command != Command::Clear {
                values.push(setting);
            }
        }
    }

    fn all(&self, key: &str) -> &[Setting] {
        self.0
            .get(&key.to_ascii_lowercase())
            .map_or(&[], Vec::as_slice)
    }

    /// Of a key that has one value: the last.
    fn one<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Result<Option<T>, FileError> {
        let last = self
            .all(key)
            .last()
            .filter(|setting| !setting.value.is_empty());
        last.map(|setting| parse(&setting.value).map_err(|reason| setting.wrong(reason)))
            .transpose()
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        let last = self
            .all(key)
            .last()
            .filter(|setting| !setting.value.is_empty());
        last.map(|setting| setting.value.clone().into())
    }

    fn switch(&self, key: &str) -> Result<Option<bool>, FileError> {
        self.one(key, |value| match value {
            "0" => Ok(Some(false)),
            "1" => Ok(Some(true)),
            "auto" => Ok(None),
            _ => Err("neither 0 nor 1 nor auto"),
        })
        .map(Option::flatten)
    }

    fn listeners(&self, key: &str) -> Result<Vec<Listener>, FileError> {
        let mut listeners = Vec::new();
        for setting in self.all(key) {
            let listener =
                Listener::parse(&setting.value).map_err(|reason| setting.wrong(reason))?;
            listeners.extend(listener);
        }
        Ok(listeners)
    }

    fn outbound(&self) -> Result<Vec<Ip>, FileError> {
        let keys = [
            "OutboundBindAddress",
            "OutboundBindAddressExit",
            "OutboundBindAddressOR",
        ];
        let mut addresses = Vec::new();
        for setting in keys.iter().flat_map(|key| self.all(key)) {
            let address = listener::literal(&setting.value);
            let address = address.ok_or_else(|| setting.wrong("not an IP address"))?;
            if !address.is_unspecified() {
                addresses.push(address.into());
            }
        }
        Ok(addresses)
    }

    fn exit_policy(&self) -> Result<ExitPolicy, FileError> {
        let own = self.all("ExitPolicy");
        let reduced = self.switch("ReducedExitPolicy")? == Some(true);
        // Without a word about exiting, a relay is no exit (tor 0.3.5).
        let spoken = !own.is_empty() || reduced || self.switch("IPv6Exit")? == Some(true);
        let base = match self.switch("ExitRelay")?.unwrap_or(spoken) {
            false => Base::Nothing,
            true if reduced => Base::Reduced,
            true => Base::Default,
        };
        let mut policy = Deciding::default();
        for setting in own {
            policy
                .entries(&setting.value)
                .map_err(|reason| setting.wrong(reason))?;
        }
        Ok(policy.over(base))
    }

    fn least(&self, keys: [&str; 2]) -> Result<Option<u64>, FileError> {
        let mut least = None;
        for key in keys {
            // 0 means that nothing is set.
            let set = self.one(key, quantity::bytes)?.filter(|bytes| *bytes > 0);
            least = [least, set].into_iter().flatten().min();
        }
        Ok(least)
    }

    pub(super) fn torrc(&self) -> Result<Torrc, FileError> {
        let mut or_ports = self.all("ORPort").iter();
        Ok(Torrc {
            is_relay: or_ports.any(|port| port.value != "0"),
            nickname: self.one("Nickname", |value| {
                value
                    .parse()
                    .map_err(|_| "a nickname has 1 to 19 letters and digits")
            })?,
            user: self.one("User", |value| Ok(value.into()))?,
            data_directory: self.path("DataDirectory"),
            or_ports: self.listeners("ORPort")?,
            dir_ports: self.listeners("DirPort")?,
            outbound: self.outbound()?,
            geoip: self.path("GeoIPFile"),
            geoip6: self.path("GeoIPv6File"),
            exit_policy: self.exit_policy()?,
            bandwidth: Bandwidth {
                rate: self.least(["BandwidthRate", "RelayBandwidthRate"])?,
                burst: self.least(["BandwidthBurst", "RelayBandwidthBurst"])?,
            },
        })
    }
}
