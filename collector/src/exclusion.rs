//! What is never metered.

use std::str::FromStr;

use anyhow::{Context, ensure};
use collector_common::{
    key::FlowKey,
    settings::{PORTS_PER_RULE, PortSet},
};

use crate::network::Network;

/// Rules that the kernel's trie has room for: twice as many, since those of the agent before stay
/// until the new ones are in.
const MAX_EXCLUSIONS: usize = 512;

/// Addresses and ports that are never metered. Written `PREFIX`, `PREFIX:PORT[,PORT…]`, with
/// IPv6 prefixes that have ports in brackets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Exclusion {
    network: Network,
    ports: PortSet,
}

impl std::fmt::Debug for Exclusion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[exclusion]")
    }
}

impl FromStr for Exclusion {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (network, ports) = split_ports(text)?;
        Ok(Self {
            network: network.parse()?,
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
pub(crate) fn flattened(rules: &[Exclusion]) -> anyhow::Result<Vec<Exclusion>> {
    let mut flat: Vec<Exclusion> = Vec::new();
    for rule in rules {
        let covering = rules
            .iter()
            .filter(|other| other.network.covers(&rule.network));
        let ports = covering.map(|other| other.ports).try_fold(None, united)?;
        let known = flat.iter().any(|other| other.network == rule.network);
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
    /// The network at either end.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The ports at either end; none: every port.
    #[must_use]
    pub fn ports(&self) -> &PortSet {
        &self.ports
    }

    /// Whether a flow of this key is not metered: what the kernel's programs ask their trie.
    #[must_use]
    pub fn excludes(&self, key: &FlowKey) -> bool {
        let mut ends = key.address.iter();
        ends.any(|end| self.network.contains(end, key.version)) && self.ports.covers(key.port)
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

#[cfg(test)]
mod tests {
    use collector_common::key::Address;

    use super::*;

    fn rule(text: &str) -> Exclusion {
        text.parse().unwrap()
    }

    #[test]
    fn exclusions_are_read_with_and_without_length_and_ports() {
        assert_eq!(rule("192.0.2.1").ports.count, 0);
        assert_eq!(rule("192.0.2.1:22,80").ports.ports[..2], [22, 80]);
        assert_eq!(rule("2001:db8::/32").ports.count, 0);
        assert_eq!(rule("[2001:db8::1]:22").ports.count, 1);
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
