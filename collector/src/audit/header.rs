//! What a file says of itself.

use collector_common::schema::{DifferentialPrivacy, Header, SCHEMA_VERSION};

use super::{Found, What};
use crate::{
    anonymize::noise::{Bound, Epsilon},
    sink::name::Node,
};

/// Audits a header.
pub(super) fn audit(header: &Header, found: &mut Found) {
    let level = header.level;
    found.unless(header.schema == SCHEMA_VERSION, "schema", What::Invalid);
    found.unless(header.node.parse::<Node>().is_ok(), "node", What::Invalid);
    found.unless(header.k >= level.k(), "k", What::Finer);
    let noisy = header.dp.is_some();
    found.unless(!(noisy && level.has_flows()), "dp", What::NotAtLevel);
    let asked = header.dp.as_ref().is_none_or(is_asked_for);
    found.unless(asked, "dp", What::Invalid);
    let mut policies = header.relays.iter().map(|relay| &relay.exit_policy);
    let policies = policies.all(|policy| is_policy(policy));
    found.unless(policies, "relays", What::Invalid);
    found.unless(is_version(&header.meter), "meter", What::Invalid);
}

fn is_asked_for(dp: &DifferentialPrivacy) -> bool {
    let epsilon = dp.epsilon.parse::<Epsilon>();
    let bound = u32::try_from(dp.bound).ok().map(Bound::try_from);
    epsilon.is_ok_and(|epsilon| epsilon.to_string() == dp.epsilon)
        && bound.is_some_and(|bound| bound.is_ok())
}

/// `accept` or `reject` with ports and ranges of ports, ascending and apart: `accept 80,443-445`.
fn is_policy(text: &str) -> bool {
    let ports = text
        .strip_prefix("accept ")
        .or_else(|| text.strip_prefix("reject "));
    let mut before = None;
    ports.is_some_and(|ports| {
        ports.split(',').all(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (Some(from), Some(to)) = (port(first), port(last)) else {
                return false;
            };
            let apart = before.is_none_or(|before: u16| before.saturating_add(1) < from);
            before = Some(to);
            apart && (from < to || range == first)
        })
    })
}

/// A port as it is written.
fn port(text: &str) -> Option<u16> {
    let port: u16 = text.parse().ok()?;
    (port > 0 && port.to_string() == text).then_some(port)
}

/// Three numbers, and perhaps a word: `1.2.3-rc1`.
fn is_version(text: &str) -> bool {
    let (numbers, word) = text.split_once('-').unwrap_or((text, "0"));
    let numbers: Vec<&str> = numbers.split('.').collect();
    let number = |text: &&str| text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    let letter = |byte: u8| byte.is_ascii_alphanumeric();
    numbers.len() == 3
        && numbers.iter().all(|text| !text.is_empty() && number(text))
        && (1..=16).contains(&word.len())
        && word.bytes().all(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_a_list_of_ports_as_torrc_s_summary_has_it() {
        for policy in ["accept 80", "reject 1-65535", "accept 20-23,43,443-445"] {
            assert!(is_policy(policy), "{policy}");
        }
        for other in [
            "",
            "accept",
            "accept ",
            "allow 80",
            "accept 192.0.2.1:80",
            "accept 80,",
            "accept 443,80",
            "accept 80,81",
            "accept 80-80",
            "accept 90-80",
            "accept 080",
            "accept +80",
            "accept 0",
            "accept 65536",
            "accept 80-90-100",
        ] {
            assert!(!is_policy(other), "{other}");
        }
    }

    #[test]
    fn a_version_is_no_address() {
        for version in ["0.1.0", "12.3.45-rc1"] {
            assert!(is_version(version), "{version}");
        }
        for other in [
            "",
            "1.2",
            "192.0.2.1",
            "1.2.+3",
            "1.2.3-",
            "1.2.3-a.example",
            "1..3",
        ] {
            assert!(!is_version(other), "{other}");
        }
    }
}
