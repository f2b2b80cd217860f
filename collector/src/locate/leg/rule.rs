//! Rules of the operator, for set-ups that the rules here do not know.

use std::{fmt, str::FromStr};

use anyhow::{Context, bail, ensure};
use collector_common::{packet::protocol, schema::Leg};

use super::Seen;
use crate::{
    exclusion::Exclusion,
    locate::{
        ip::Endpoint,
        tor::user::{Accounts, User},
    },
};

/// A leg with the conditions that a flow of it meets, all of them. Written
/// `LEG:CONDITION[,CONDITION…]`, as in `exit:tcp,out,user=1000` or `or:peer=192.0.2.0/24:9001`.
#[derive(Clone, PartialEq, Eq)]
pub struct LegRule {
    leg: Leg,
    conditions: Vec<Condition>,
}

#[derive(Clone, PartialEq, Eq)]
enum Condition {
    /// `tcp`, `udp`.
    Protocol(u8),
    /// `out`: the host opened it; `in`: the other end did.
    Opened { by_host: bool },
    /// `user=NAME` or `user=UID`: of the host's socket.
    User(User),
    /// `port=N` or `port=N-M`: what the flow was opened to.
    Port(u16, u16),
    /// `host=PREFIX[:PORT]`: the host's end.
    Host(Exclusion),
    /// `peer=PREFIX[:PORT]`: the other end.
    Peer(Exclusion),
}

impl fmt::Debug for LegRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[leg rule]")
    }
}

impl FromStr for LegRule {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (leg, conditions) = text
            .split_once(':')
            .context("a rule is LEG:CONDITION[,CONDITION…], as in local:out,user=backup")?;
        let conditions: Vec<&str> = conditions.split(',').map(str::trim).collect();
        ensure!(conditions != [""], "a rule has at least one condition");
        let numbered = (1..).zip(conditions).map(|(number, condition)| {
            condition
                .parse()
                .with_context(|| format!("condition {number}"))
        });
        Ok(Self {
            leg: leg_named(leg.trim())?,
            conditions: numbered.collect::<anyhow::Result<_>>()?,
        })
    }
}

fn leg_named(name: &str) -> anyhow::Result<Leg> {
    Ok(match name {
        "exit" => Leg::Exit,
        "or" => Leg::Or,
        "dir" => Leg::Dir,
        "dns" => Leg::Dns,
        "inbound" => Leg::Inbound,
        "local" => Leg::Local,
        _ => bail!("the leg in front is exit, or, dir, dns, inbound or local"),
    })
}

impl FromStr for Condition {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        Ok(match name {
            "tcp" => Self::Protocol(protocol::TCP),
            "udp" => Self::Protocol(protocol::UDP),
            "out" => Self::Opened { by_host: true },
            "in" => Self::Opened { by_host: false },
            "user" if !value.is_empty() => Self::User(value.into()),
            "port" => ports(value)?,
            "host" => Self::Host(value.parse().context("behind host=")?),
            "peer" => Self::Peer(value.parse().context("behind peer=")?),
            _ => bail!(
                "it is tcp, udp, out, in, user=NAME, port=N, port=N-M, host=PREFIX[:PORT] or \
                 peer=PREFIX[:PORT]"
            ),
        })
    }
}

fn ports(text: &str) -> anyhow::Result<Condition> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    let (first, last) = port(first)
        .zip(port(last))
        .context("behind port= stands a number from 1 to 65535, or two with - between")?;
    ensure!(
        first <= last,
        "the range behind port= ends before it begins"
    );
    Ok(Condition::Port(first, last))
}

impl LegRule {
    /// Whose traffic it is that meets the conditions.
    #[must_use]
    pub fn leg(&self) -> Leg {
        self.leg
    }

    /// The users that it names.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.conditions
            .iter()
            .filter_map(|condition| match condition {
                Condition::User(user) => Some(user),
                _ => None,
            })
    }

    /// With users by number where `accounts` knows them. One that it does not know is nobody's
    /// socket.
    #[must_use]
    pub fn resolved(&self, accounts: &Accounts) -> Self {
        let mut resolved = self.clone();
        for condition in &mut resolved.conditions {
            if let Condition::User(user) = condition
                && let Some(id) = accounts.id(user)
            {
                *user = User::Id(id);
            }
        }
        resolved
    }

    pub(super) fn matches(&self, seen: &Seen) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.holds(seen))
    }
}

impl Condition {
    fn holds(&self, seen: &Seen) -> bool {
        match self {
            Self::Protocol(number) => seen.protocol == *number,
            Self::Opened { by_host } => seen.opened_by_host == *by_host,
            Self::User(User::Id(id)) => seen.user == Some(*id),
            Self::User(User::Name(_)) => false,
            Self::Port(first, last) => (*first..=*last).contains(&seen.port()),
            Self::Host(range) => lies_in(&seen.local, range),
            Self::Peer(range) => lies_in(&seen.remote, range),
        }
    }
}

fn lies_in(end: &Endpoint, range: &Exclusion) -> bool {
    let network = range.network();
    network.contains(end.ip.address(), end.ip.version()) && range.ports().covers([end.port; 2])
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn rule(text: &str) -> LegRule {
        text.parse().unwrap()
    }

    fn end(address: &str, port: u16) -> Endpoint {
        let ip = address.parse::<IpAddr>().unwrap().into();
        Endpoint { ip, port }
    }

    fn seen() -> Seen {
        Seen {
            local: end("192.0.2.1", 40_000),
            remote: end("2001:db8::7", 8080),
            opened_by_host: true,
            protocol: protocol::TCP,
            user: Some(1000),
        }
    }

    #[test]
    fn a_rule_holds_where_all_its_conditions_do() {
        for text in [
            "exit:tcp,user=1000",
            "local:port=8080",
            "local:port=8000-9000, out",
            "or:peer=2001:db8::/32",
            "dir:peer=[2001:db8::7]:8080,host=192.0.2.0/24",
            "dns:host=192.0.2.1:40000",
        ] {
            assert!(rule(text).matches(&seen()), "{text}");
        }
        for text in [
            "exit:udp",
            "exit:tcp,user=1001",
            "local:port=40000",
            "inbound:in",
            "or:peer=192.0.2.0/24",
            "or:peer=[2001:db8::7]:8081",
            "exit:user=somebody",
        ] {
            assert!(!rule(text).matches(&seen()), "{text}");
        }
    }

    #[test]
    fn the_port_is_that_of_the_end_that_was_spoken_to() {
        let inbound = Seen {
            opened_by_host: false,
            ..seen()
        };
        assert!(rule("local:port=40000,in").matches(&inbound));
        assert!(!rule("local:port=8080").matches(&inbound));
    }

    #[test]
    fn a_flow_without_a_user_meets_no_condition_on_one() {
        let unknown = Seen {
            user: None,
            ..seen()
        };
        assert!(!rule("exit:user=1000").matches(&unknown));
    }

    #[test]
    fn a_wrong_rule_names_the_part_at_fault_and_repeats_no_address() {
        for (text, expected) in [
            ("exit", "LEG:CONDITION"),
            ("exit:", "at least one condition"),
            ("middle:tcp", "exit, or, dir"),
            ("exit:tcp,fast", "condition 2"),
            ("exit:user=", "condition 1"),
            ("exit:port=0", "behind port="),
            ("exit:port=9-8", "behind port="),
            ("or:tcp,peer=198.51.100.7/40", "condition 2: behind peer="),
            ("or:host=198.51.100.7:x", "behind host="),
        ] {
            let error = format!("{:#}", text.parse::<LegRule>().unwrap_err());
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("198.51"), "{error}");
        }
        let shown = format!("{:?}", rule("or:peer=198.51.100.7"));
        assert!(!shown.contains("198.51"), "{shown}");
    }
}
