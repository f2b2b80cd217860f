//! Keys of a day's cells: each dimension has its own.

use collector_common::schema::{
    Country, DayCell, Dimension, Label, Method, OTHER, Outcome, Port, PortClass, Proxy, Transport,
    bucket,
};
use serde::{
    Deserialize,
    de::{IntoDeserializer, value::Error},
};

use super::{What, rules::Rules, words};

/// What is wrong with the key of a cell.
pub(super) fn key(cell: &DayCell, rules: &Rules) -> Option<What> {
    let key = cell.key.as_ref();
    match cell.by {
        _ if key == OTHER => None,
        Dimension::All => one_of(key, &["all"]),
        Dimension::Label => words::label(&Label::from(key.to_owned())),
        Dimension::Category => words::category(key),
        Dimension::Port | Dimension::PortCountry => port(key, rules),
        Dimension::SourceCountry | Dimension::DestinationCountry => word::<Country>(key),
        Dimension::SourceProxy | Dimension::DestinationProxy => match key {
            "none_known" => None,
            _ => word::<Proxy>(key),
        },
        Dimension::ContentType => http(key).then(|| words::media_type(key)).flatten(),
        Dimension::UserAgent => {
            let agent = || words::user_agent(key, rules.level);
            http(key).then(agent).flatten()
        }
        Dimension::Hour => number(key, 2, |hour| hour < 24),
        Dimension::Transport => word::<Transport>(key),
        Dimension::IpVersion => one_of(key, &["4", "6"]),
        Dimension::Outcome => word::<Outcome>(key),
        Dimension::Method => word::<Method>(key),
        Dimension::Failed => one_of(key, &["true", "false"]),
        Dimension::Packets | Dimension::Bytes | Dimension::DurationMs => {
            number(key, 1, |bound| bucket(bound) == bound)
        }
    }
}

/// Whether the key is what a header said, and not that there was none.
fn http(key: &str) -> bool {
    !["unknown", "not_http"].contains(&key)
}

fn one_of(key: &str, words: &[&str]) -> Option<What> {
    (!words.contains(&key)).then(|| words::stranger(key))
}

/// A value of the schema that is written as a word.
fn word<'a, T: Deserialize<'a>>(key: &'a str) -> Option<What> {
    let read = T::deserialize(IntoDeserializer::<Error>::into_deserializer(key));
    read.is_err().then(|| words::stranger(key))
}

/// A number as it is written with at least so many digits.
fn number(key: &str, digits: usize, good: impl Fn(u64) -> bool) -> Option<What> {
    let known = key
        .parse()
        .is_ok_and(|number: u64| good(number) && format!("{number:0digits$}") == key);
    (!known).then(|| words::stranger(key))
}

fn port(key: &str, rules: &Rules) -> Option<What> {
    let classes = [PortClass::Registered, PortClass::Dynamic];
    if key == "none" || classes.iter().any(|class| class.as_str() == key) {
        return None;
    }
    let wrong = number(key, 1, |port| u16::try_from(port).is_ok());
    wrong.or_else(|| rules.port(Port::Number(key.parse().ok()?)))
}
