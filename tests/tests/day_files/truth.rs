//! The cells of day files as they would be without any protection, from unprotected lines.

use std::{borrow::Cow, collections::BTreeMap};

use anyhow::{Context, Result};
use collector::{
    anonymize::agent,
    inspect::{media, useragent},
};
use collector_common::schema::{Country, DayCell, Dimension, Leg, Level, Port};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What an unprotected line says.
struct Flow<'a>(&'a Value);

impl Flow<'_> {
    fn read<T: DeserializeOwned>(&self, field: &str) -> Result<T> {
        let read = T::deserialize(&self.0[field]);
        read.with_context(|| format!("{field} of {}", self.0))
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.0[field].as_str()
    }

    fn port(&self, level: Level) -> Result<String> {
        let has_ports = matches!(self.text("proto"), Some("tcp" | "udp" | "sctp"));
        if !has_ports {
            return Ok("none".to_owned());
        }
        Ok(match level.port(self.read("dst_port")?) {
            Port::Number(number) => number.to_string(),
            Port::Class(class) => class.as_str().to_owned(),
        })
    }

    fn agent(&self, level: Level) -> Option<String> {
        let raw = self.text("user_agent")?;
        let sanitised = (level == Level::Thesis).then(|| agent::sanitised(raw));
        let family = || useragent::family(raw).to_owned();
        Some(sanitised.flatten().unwrap_or_else(family))
    }

    /// Of a header that HTTP alone has.
    fn of_http(&self, told: Option<String>) -> Result<String> {
        let label: String = self.read("app")?;
        let http = label.split('.').next() == Some("HTTP");
        let absent = if http { "unknown" } else { "not_http" };
        Ok(told.unwrap_or_else(|| absent.to_owned()))
    }

    fn keys(&self, level: Level, hour: i8) -> Result<Vec<(Dimension, String)>> {
        let content = self.text("content_type").map(media::registered);
        let transport = self.text("proto").unwrap_or("other");
        Ok(vec![
            (Dimension::All, "all".to_owned()),
            (Dimension::Label, self.read("app")?),
            (Dimension::Category, self.read("category")?),
            (Dimension::Port, self.port(level)?),
            (Dimension::SourceCountry, self.read("source_country")?),
            (
                Dimension::DestinationCountry,
                self.read("destination_country")?,
            ),
            // tor's data has no such flags.
            (Dimension::SourceProxy, "none_known".to_owned()),
            (Dimension::DestinationProxy, "none_known".to_owned()),
            (
                Dimension::ContentType,
                self.of_http(content.map(str::to_owned))?,
            ),
            (Dimension::UserAgent, self.of_http(self.agent(level))?),
            (Dimension::Hour, format!("{hour:02}")),
            (Dimension::PortCountry, self.port(level)?),
            (Dimension::Transport, transport.to_owned()),
            (
                Dimension::IpVersion,
                self.read::<u8>("ip_version")?.to_string(),
            ),
            (Dimension::Outcome, self.read("outcome")?),
            (Dimension::Method, self.read("method")?),
        ])
    }
}

/// Exact cells of `lines`, with the keys of `level`.
pub(crate) fn cells(lines: &[Value], level: Level) -> Result<Vec<DayCell>> {
    let mut cells: BTreeMap<(_, Leg, Dimension, String, Option<Country>), DayCell> =
        BTreeMap::new();
    for line in lines {
        let flow = Flow(line);
        let first: Timestamp = flow.read("first")?;
        let first = first.to_zoned(jiff::tz::TimeZone::UTC);
        let (day, leg) = (first.date(), flow.read("leg")?);
        for (by, key) in flow.keys(level, first.hour())? {
            let country = match by {
                Dimension::PortCountry => Some(flow.read("destination_country")?),
                _ => None,
            };
            let place = (day, leg, by, key.clone(), country);
            let cell = cells.entry(place).or_insert_with(|| DayCell {
                day,
                leg,
                by,
                key: Cow::Owned(key),
                country,
                flows: 0,
                failed: Some(0),
                packets: Some(0),
                bytes: Some(0),
                duration_ms: Some(0),
            });
            cell.flows += 1;
            let failed = u64::from(flow.read::<bool>("failed")?);
            cell.failed = cell.failed.map(|sum| sum + failed);
            for (sum, field) in [
                (&mut cell.packets, "packets"),
                (&mut cell.bytes, "bytes"),
                (&mut cell.duration_ms, "duration_ms"),
            ] {
                let number: u64 = flow.read(field)?;
                *sum = sum.map(|sum| sum + number);
            }
        }
    }
    Ok(cells.into_values().collect())
}
