//! What the operator chose for the kernel's side, checked.

use std::{net::IpAddr, path::PathBuf, str::FromStr};

use anyhow::{Context, ensure};
use collector_common::{
    key::{Address, FlowKey},
    settings::{DEFAULT_TABLE_SIZE, PORTS_PER_RULE, PortSet, Prefix, Timeouts},
};

use super::pins::{PIN_ROOT, RUN_ROOT};

/// Which hook meters what comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ingress {
    /// TC: exact on every driver, and changes no offload of any.
    #[default]
    Auto,
    /// XDP in the driver; TC where the driver changes its offloads for it.
    Xdp,
    /// TC.
    Tc,
}

/// How a TC program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TcFlavour {
    /// tcx where the kernel has it (6.6), else clsact.
    #[default]
    Auto,
    /// tcx or an error.
    Tcx,
    /// A filter on clsact.
    Clsact,
}

/// Rules that the kernel's trie has room for: twice as many, since those of the agent before stay
/// until the new ones are in.
const MAX_EXCLUSIONS: usize = 512;

/// Addresses and ports that are never metered. Written `PREFIX`, `PREFIX:PORT[,PORT…]`, with
/// IPv6 prefixes that have ports in brackets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Exclusion {
    version: u8,
    octets: [u8; 16],
    length: u32,
    pub(super) ports: PortSet,
}

impl std::fmt::Debug for Exclusion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[exclusion]")
    }
}

impl FromStr for Exclusion {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (prefix, ports) = split_ports(text)?;
        let (address, length) = match prefix.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (prefix, None),
        };
        let address: IpAddr = address
            .parse()
            .ok()
            .context("no IP address in front; write a prefix, as in 192.0.2.0/24")?;
        let (version, octets, bits) = octets_of(address);
        let length = match length {
            Some(length) => length
                .parse()
                .ok()
                .context("the prefix length is no number")?,
            None => bits,
        };
        ensure!(
            length <= bits,
            "a prefix of {length} bits is longer than the address"
        );
        Ok(Self {
            version,
            octets: masked(octets, 128 - bits + length),
            length,
            ports,
        })
    }
}

/// `2001:db8::/32`, `[2001:db8::1]:22`, `192.0.2.1/32:22,80`.
fn split_ports(text: &str) -> anyhow::Result<(&str, PortSet)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (prefix, rest) = rest.split_once(']').context("a bracket is not closed")?;
        let ports = rest.strip_prefix(':').map(parse_ports).transpose()?;
        return Ok((prefix, ports.unwrap_or_default()));
    }
    match text.split_once(':') {
        Some((prefix, ports)) if !ports.contains(':') => Ok((prefix, parse_ports(ports)?)),
        _ => Ok((text, PortSet::default())),
    }
}

fn parse_ports(text: &str) -> anyhow::Result<PortSet> {
    let mut set = PortSet::default();
    for port in text.split(',') {
        let index = set.count as usize;
        let slot = set
            .ports
            .get_mut(index)
            .with_context(|| format!("an exclusion holds at most {PORTS_PER_RULE} ports"))?;
        *slot = port
            .trim()
            .parse()
            .ok()
            .context("a port is a number from 1 to 65535")?;
        ensure!(*slot != 0, "a port is a number from 1 to 65535");
        set.count += 1;
    }
    Ok(set)
}

fn octets_of(address: IpAddr) -> (u8, [u8; 16], u32) {
    match address {
        IpAddr::V4(address) => {
            let mut octets = [0; 16];
            octets[12..].copy_from_slice(&address.octets());
            (4, octets, 32)
        }
        IpAddr::V6(address) => (6, address.octets(), 128),
    }
}

/// Keeps the first `bits` bits.
fn masked(octets: [u8; 16], bits: u32) -> [u8; 16] {
    let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
    (u128::from_be_bytes(octets) & mask).to_be_bytes()
}

/// Checks what one rule alone does not show.
///
/// # Errors
/// More rules than the trie holds, or more ports for one prefix than a rule holds.
pub(crate) fn check_exclusions(rules: &[Exclusion]) -> anyhow::Result<()> {
    ensure!(
        rules.len() <= MAX_EXCLUSIONS,
        "at most {MAX_EXCLUSIONS} exclusions are possible, not {}",
        rules.len()
    );
    flattened(rules).map(drop)
}

/// What a trie can't express by itself: the longest prefix alone answers, so each rule takes over
/// the ports of those that cover it. Rules of one prefix become one.
pub(super) fn flattened(rules: &[Exclusion]) -> anyhow::Result<Vec<Exclusion>> {
    let mut flat: Vec<Exclusion> = Vec::new();
    for rule in rules {
        let covering = rules.iter().filter(|other| other.covers(rule));
        let ports = covering.map(|other| other.ports).try_fold(None, united)?;
        let known = flat
            .iter()
            .any(|other| other.covers(rule) && rule.covers(other));
        if !known {
            flat.push(Exclusion {
                ports: ports.unwrap_or_default(),
                ..*rule
            });
        }
    }
    Ok(flat)
}

impl Exclusion {
    /// What the trie is keyed by: significant bits, and the prefix.
    pub(super) fn prefix(&self) -> (u32, Prefix) {
        let prefix = Prefix {
            version: [0, 0, 0, self.version],
            octets: self.octets,
        };
        (Prefix::bits(self.version, self.length), prefix)
    }

    /// Whether a flow of this key is not metered: what the kernel's programs ask their trie.
    #[must_use]
    pub fn excludes(&self, key: &FlowKey) -> bool {
        let mut ends = key.address.iter();
        ends.any(|end| self.contains(end, key.version)) && self.ports.covers(key.port)
    }

    /// Whether it is an address or prefix alone.
    #[must_use]
    pub fn has_no_ports(&self) -> bool {
        self.ports.count == 0
    }

    /// Whether the address is of this prefix.
    #[must_use]
    pub fn contains(&self, address: &Address, version: u8) -> bool {
        let before = if self.version == 4 { 96 } else { 0 };
        self.version == version && masked(address.octets(), before + self.length) == self.octets
    }

    fn covers(&self, other: &Self) -> bool {
        let before = if self.version == 4 { 96 } else { 0 };
        self.version == other.version
            && self.length <= other.length
            && masked(other.octets, before + self.length) == self.octets
    }
}

fn united(sum: Option<PortSet>, ports: PortSet) -> anyhow::Result<Option<PortSet>> {
    let Some(mut sum) = sum else {
        return Ok(Some(ports));
    };
    if sum.count == 0 || ports.count == 0 {
        return Ok(Some(PortSet::default()));
    }
    for port in &ports.ports[..ports.count as usize] {
        if sum.ports[..sum.count as usize].contains(port) {
            continue;
        }
        let slot = sum.ports.get_mut(sum.count as usize).with_context(|| {
            format!("exclusions of one prefix hold at most {PORTS_PER_RULE} ports in all")
        })?;
        *slot = *port;
        sum.count += 1;
    }
    Ok(Some(sum))
}

/// Everything about the kernel's side.
#[derive(Clone, Debug)]
pub struct Options {
    /// Interfaces by name, at least one.
    pub interfaces: Vec<String>,
    /// Hook for what comes in.
    pub ingress: Ingress,
    /// How TC programs are attached.
    pub tc: TcFlavour,
    /// Entries of the flow table.
    pub table_size: u32,
    /// Bytes of the ring of payload samples, a power of two.
    pub sample_ring: u32,
    /// Bytes of the ring of late and overflow records, a power of two.
    pub late_ring: u32,
    /// Take payload samples at all.
    pub sample_payload: bool,
    /// Not metered.
    pub exclusions: Vec<Exclusion>,
    /// When flows end.
    pub timeouts: Timeouts,
    /// Keep maps and links over a crash.
    pub pin: bool,
    /// Folder on bpffs.
    pub pin_root: PathBuf,
    /// Folder of locks and sockets.
    pub run_root: PathBuf,
    /// Programs read the time that tests set, instead of the kernel's clock.
    pub test_clock: bool,
}

impl Options {
    /// The defaults, for these interfaces.
    #[must_use]
    pub fn new(interfaces: Vec<String>) -> Self {
        Self {
            interfaces,
            ingress: Ingress::default(),
            tc: TcFlavour::default(),
            table_size: DEFAULT_TABLE_SIZE,
            sample_ring: 8 << 20,
            late_ring: 4 << 20,
            sample_payload: true,
            exclusions: Vec::new(),
            timeouts: Timeouts::DEFAULT,
            pin: true,
            pin_root: PIN_ROOT.into(),
            run_root: RUN_ROOT.into(),
            test_clock: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Exclusion {
        text.parse().unwrap()
    }

    #[test]
    fn exclusions_are_read_with_and_without_length_and_ports() {
        assert_eq!(rule("192.0.2.1").length, 32);
        assert_eq!(rule("192.0.2.77/24").octets[12..], [192, 0, 2, 0]);
        assert_eq!(rule("192.0.2.1:22,80").ports.ports[..2], [22, 80]);
        assert_eq!(rule("2001:db8::/32").length, 32);
        assert_eq!(rule("[2001:db8::1]:22").ports.count, 1);
        assert_eq!(rule("0.0.0.0/0").octets, [0; 16]);
    }

    #[test]
    fn a_wrong_exclusion_says_what_is_wrong_and_repeats_no_address() {
        for text in [
            "host",
            "192.0.2.1/33",
            "192.0.2.1:0",
            "192.0.2.1:x",
            "[2001:db8::1:22",
        ] {
            let error = text.parse::<Exclusion>().unwrap_err().to_string();
            assert!(!error.contains("192.0.2.1/33"), "{error}");
        }
        assert!("192.0.2.1:1,2,3,4,5,6,7,8,9".parse::<Exclusion>().is_err());
    }

    #[test]
    fn a_longer_prefix_keeps_the_ports_of_the_shorter_one() {
        let flat = flattened(&[rule("192.0.2.0/24:80"), rule("192.0.2.7:22")]).unwrap();
        let ports = flat[1].ports;
        assert!(ports.covers([80, 1]) && ports.covers([22, 1]) && !ports.covers([443, 1]));
        let ports = flat[0].ports;
        assert!(ports.covers([80, 1]) && !ports.covers([22, 1]));
    }

    #[test]
    fn a_shorter_prefix_with_every_port_swallows_the_ports_of_longer_ones() {
        let flat = flattened(&[rule("192.0.2.0/24"), rule("192.0.2.7:22")]).unwrap();
        assert!(flat.iter().all(|rule| rule.ports.covers([443, 1])));
    }

    #[test]
    fn an_exclusion_covers_the_flows_of_its_prefix_and_ports_from_either_end() {
        let key = |first: [u8; 4], second: [u8; 4]| FlowKey {
            address: [Address::v4(first), Address::v4(second)],
            port: [50_000, 22],
            version: 4,
            ..FlowKey::default()
        };
        let jump = key([192, 0, 2, 7], [198, 51, 100, 1]);
        let back = key([10, 0, 0, 1], [192, 0, 2, 7]);
        for excluded in [jump, back] {
            assert!(rule("192.0.2.0/24:22").excludes(&excluded));
            assert!(rule("192.0.2.7").excludes(&excluded));
            assert!(!rule("192.0.2.0/24:80").excludes(&excluded));
            assert!(!rule("192.0.2.8").excludes(&excluded));
            assert!(!rule("::/0").excludes(&excluded));
        }
        assert!(!rule("10.0.0.1").excludes(&key([10, 0, 0, 10], [1, 1, 1, 1])));
    }

    #[test]
    fn too_many_rules_and_too_many_ports_of_one_prefix_are_refused() {
        let rules = vec![rule("192.0.2.7:22"); MAX_EXCLUSIONS + 1];
        assert!(check_exclusions(&rules).is_err());
        assert!(check_exclusions(&rules[1..]).is_ok());
        let ports = [rule("192.0.2.7:1,2,3,4,5"), rule("192.0.2.7:6,7,8,9")];
        let error = check_exclusions(&ports).unwrap_err().to_string();
        assert!(
            error.contains("8 ports") && !error.contains("192.0"),
            "{error}"
        );
    }

    #[test]
    fn rules_of_one_prefix_become_one() {
        let flat = flattened(&[rule("192.0.2.7:22"), rule("192.0.2.7:80")]).unwrap();
        assert_eq!(flat.len(), 1);
        assert!(flat[0].ports.covers([80, 1]) && flat[0].ports.covers([22, 1]));
    }
}
