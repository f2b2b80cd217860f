//! To which ports an exit connects, in short: the `p` line of dir-spec, section "Router status
//! entries", from torrc's `ExitPolicy`.

use std::fmt;

/// What tor's default policy rejects (its manual page on `ExitPolicy`).
const DEFAULT: &str = "25,119,135-139,445,563,1214,4661-4666,6346-6429,6699,6881-6999";

/// What tor's `ReducedExitPolicy` accepts (its manual page).
const REDUCED: &str = "20-23,43,53,79-81,88,110,143,194,220,389,443,464-465,531,543-544,554,563,\
    587,636,706,749,873,902-904,981,989-995,1194,1220,1293,1500,1533,1677,1723,1755,1863,\
    2082-2083,2086-2087,2095-2096,2102-2104,3128,3389,3690,4321,4643,5050,5190,5222-5223,5228,\
    5900,6660-6669,6679,6697,8000,8008,8074,8080,8082,8087-8088,8232-8233,8332-8333,8443,8888,\
    9418,9999-10000,11371,19294,19638,50002,64738";

/// Entries about all addresses: more would only cost time.
const MAX_ENTRIES: u32 = 1024;

/// From the first to the last.
type Ports = (u16, u16);
const ALL: Ports = (1, u16::MAX);

/// What stands behind an exit's own entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// It is no exit.
    Nothing,
    Default,
    Reduced,
}

/// The ports to which an exit opens connections over IPv4, for all but single addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExitPolicy {
    /// Sorted, none touches another.
    accepted: Vec<Ports>,
}

impl ExitPolicy {
    /// Whether it opens any.
    #[must_use]
    pub fn is_exit(&self) -> bool {
        !self.accepted.is_empty()
    }
}

/// `accept 80,443` or `reject 25,119,135-139`, whichever is shorter.
impl fmt::Display for ExitPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accepted = list(&self.accepted);
        let rejected = list(&gaps(&self.accepted));
        if accepted.is_empty() || (!rejected.is_empty() && rejected.len() < accepted.len()) {
            write!(f, "reject {rejected}")
        } else {
            write!(f, "accept {accepted}")
        }
    }
}

/// Ports that no range holds.
fn gaps(ranges: &[Ports]) -> Vec<Ports> {
    let mut gaps = Vec::new();
    let mut next = Some(1_u16);
    for (first, last) in ranges {
        if let Some(from) = next.filter(|from| from < first) {
            gaps.push((from, first - 1));
        }
        next = last.checked_add(1);
    }
    gaps.extend(next.map(|from| (from, u16::MAX)));
    gaps
}

fn list(ranges: &[Ports]) -> String {
    let texts = ranges.iter().map(|(first, last)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    });
    texts.collect::<Vec<_>>().join(",")
}

/// Ports that no entry has spoken of yet, and those that one has accepted.
pub(super) struct Deciding {
    open: Vec<Ports>,
    accepted: Vec<Ports>,
    entries: u32,
}

impl Default for Deciding {
    fn default() -> Self {
        Self {
            open: vec![ALL],
            accepted: Vec::new(),
            entries: 0,
        }
    }
}

impl Deciding {
    /// The next value of `ExitPolicy`: entries with commas between.
    ///
    /// # Errors
    /// What is no entry.
    pub(super) fn entries(&mut self, value: &str) -> Result<(), &'static str> {
        value
            .split(',')
            .try_for_each(|entry| self.entry(entry.trim()))
    }

    /// The policy of an exit that adds its entries to these.
    pub(super) fn over(mut self, base: Base) -> ExitPolicy {
        match base {
            Base::Nothing => return ExitPolicy::default(),
            Base::Reduced => self.decide_all(REDUCED, true),
            Base::Default => {
                self.decide_all(DEFAULT, false);
                self.decide(ALL, true);
            }
        }
        self.end()
    }

    /// `accept *:80`; an entry about some addresses decides for no port, one about IPv6 not here.
    fn entry(&mut self, entry: &str) -> Result<(), &'static str> {
        let (verb, pattern) = entry
            .split_once(|c: char| c.is_ascii_whitespace())
            .ok_or("not an entry of an exit policy, as in accept *:443")?;
        let accepts = match verb.to_ascii_lowercase().as_str() {
            "accept" => true,
            "reject" => false,
            "accept6" | "reject6" => return Ok(()),
            _ => return Err("an exit policy's entry says accept or reject"),
        };
        let (address, ports) = pattern
            .trim()
            .split_once(':')
            .unwrap_or((pattern.trim(), "*"));
        if !matches!(address, "*" | "*4" | "0.0.0.0/0") {
            return Ok(());
        }
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err("more than 1024 entries of an exit policy are about all addresses");
        }
        self.decide(parse_ports(ports)?, accepts);
        Ok(())
    }

    fn decide_all(&mut self, list: &str, accepts: bool) {
        let ranges = list.split(',').filter_map(|ports| parse_ports(ports).ok());
        ranges.for_each(|ports| self.decide(ports, accepts));
    }

    fn decide(&mut self, (first, last): Ports, accepts: bool) {
        let mut open = Vec::new();
        for (from, to) in self.open.drain(..) {
            let (start, end) = (from.max(first), to.min(last));
            if start > end {
                open.push((from, to));
                continue;
            }
            if from < start {
                open.push((from, start - 1));
            }
            if end < to {
                open.push((end + 1, to));
            }
            if accepts {
                self.accepted.push((start, end));
            }
        }
        self.open = open;
    }

    fn end(mut self) -> ExitPolicy {
        self.accepted.sort_unstable();
        let mut joined: Vec<Ports> = Vec::new();
        for (first, last) in self.accepted {
            match joined.last_mut() {
                Some((_, end)) if end.checked_add(1) == Some(first) => *end = last,
                _ => joined.push((first, last)),
            }
        }
        ExitPolicy { accepted: joined }
    }
}

fn parse_ports(text: &str) -> Result<Ports, &'static str> {
    const WRONG: &str = "the ports of an exit policy are a number, two with - between, or *";
    if text == "*" {
        return Ok(ALL);
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let first: u16 = first.parse().map_err(|_| WRONG)?;
    let last = last.parse().map_err(|_| WRONG)?;
    // tor takes port 0 for every port, too.
    if first == 0 {
        Ok(ALL)
    } else {
        Ok((first, last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(value: &str) -> Result<(), &'static str> {
        Deciding::default().entries(value)
    }

    fn policy(own: &[&str], base: Base) -> String {
        let mut deciding = Deciding::default();
        own.iter()
            .for_each(|value| deciding.entries(value).unwrap());
        deciding.over(base).to_string()
    }

    #[test]
    fn the_first_entry_about_a_port_decides() {
        assert_eq!(
            policy(&["accept *:80, accept *:443", "reject *:*"], Base::Default),
            "accept 80,443"
        );
        assert_eq!(
            policy(
                &["reject *:6000-7000,accept *:6660,accept *:1-10000,reject *:*"],
                Base::Default
            ),
            "accept 1-5999,7001-10000"
        );
        assert_eq!(
            policy(
                &["accept *4:80-90", "accept *:91", "reject *"],
                Base::Default
            ),
            "accept 80-91"
        );
        assert_eq!(policy(&["accept *:*"], Base::Default), "accept 1-65535");
    }

    #[test]
    fn behind_an_exits_own_entries_tors_default_stands() {
        assert_eq!(
            policy(&["accept *:119"], Base::Default),
            "reject 25,135-139,445,563,1214,4661-4666,6346-6429,6699,6881-6999"
        );
        let reduced = policy(&[], Base::Reduced);
        assert_eq!(reduced, format!("accept {REDUCED}"));
        assert!(policy(&["reject *:80"], Base::Reduced).starts_with("accept 20-23,43,53,79,81,88"));
    }

    #[test]
    fn entries_about_some_addresses_or_ipv6_decide_for_no_port() {
        let own = [
            "reject 192.0.2.0/24:*,reject6 *6:*,reject [2001:db8::]/32:80,reject private:*",
            "reject *6:*,reject *:*",
        ];
        assert_eq!(policy(&own, Base::Default), "reject 1-65535");
        assert_eq!(policy(&["accept *:*"], Base::Nothing), "reject 1-65535");
        assert!(!Deciding::default().over(Base::Nothing).is_exit());
    }

    #[test]
    fn what_is_no_entry_is_refused_and_many_entries_end() {
        for wrong in [
            "",
            "accept",
            "allow *:80",
            "accept *:x",
            "accept *:1-x",
            "accept *:99999",
        ] {
            assert!(entries(wrong).is_err(), "{wrong}");
        }
        let many = "accept *:80,".repeat(2000);
        assert!(entries(many.trim_end_matches(',')).is_err());
        let blocked = "reject 192.0.2.1:*,".repeat(20_000);
        assert!(entries(blocked.trim_end_matches(',')).is_ok());
    }

    #[test]
    fn a_range_that_ends_before_it_begins_decides_for_no_port() {
        assert_eq!(
            policy(&["accept *:90-80,reject *:*"], Base::Default),
            "reject 1-65535"
        );
    }
}
