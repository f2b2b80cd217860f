//! What a level lets a line say.

use collector_common::schema::{
    DayCell, Dimension, Distinct, FailedCell, Header, Leg, Level, Line, Port, PublicRecord,
    Statistics, Traits,
};

use super::{Found, What, cells, header, words};

/// Of a file, or of a part that begins with a header.
pub(super) struct Rules {
    pub(super) level: Level,
    pub(super) k: u64,
    /// There is noise in the counts, so that a small one tells nothing.
    pub(super) noisy: bool,
}

impl Rules {
    /// As the header says; it is audited, too.
    pub(super) fn of(header: &Header, found: &mut Found) -> Self {
        let level = header.level;
        header::audit(header, found);
        Self {
            level,
            k: header.k.max(level.k()),
            noisy: header.dp.is_some(),
        }
    }

    /// Audits a line by itself.
    pub(super) fn line(&self, line: &Line, found: &mut Found) {
        let in_days = matches!(line, Line::Header(_) | Line::Day(_) | Line::Distinct(_));
        let at_level = in_days || self.level.has_flows();
        found.unless(at_level, "type", What::NotAtLevel);
        match line {
            Line::Header(_) | Line::Counters(_) => {}
            Line::Flow(flow) => self.flow(flow, found),
            Line::Failed(cell) => self.failed(cell, found),
            Line::Statistics(sums) => {
                let rest = sums.leg == Leg::Other;
                self.enough(rest, sums, found);
            }
            Line::RelayStatistics(sums) => self.enough(false, &sums.statistics, found),
            Line::Anomaly(anomaly) => {
                found.unless(anomaly.flows >= self.k, "flows", What::TooFew);
            }
            Line::Day(cell) => self.day(cell, found),
            Line::Distinct(distinct) => self.distinct(distinct, found),
        }
    }

    fn flow(&self, flow: &PublicRecord, found: &mut Found) {
        let level = self.level;
        let minutes = flow.start.minutes();
        let mut finer = |told, field| found.unless(told, field, What::Finer);
        finer(level.minutes(minutes) == minutes, "start");
        finer(level.packets(flow.packets) == flow.packets, "packets");
        finer(level.bytes(flow.bytes) == flow.bytes, "bytes");
        let duration_ms = flow.duration_ms;
        finer(level.duration_ms(duration_ms) == duration_ms, "duration_ms");
        self.traits(&flow.traits, found);
    }

    fn traits(&self, traits: &Traits, found: &mut Found) {
        let version = [4, 6].contains(&traits.ip_version);
        found.unless(version, "ip_version", What::Invalid);
        found.judged("label", words::label(&traits.label));
        found.judged("category", words::category(&traits.category));
        let port = traits.destination_port;
        found.judged("destination_port", port.and_then(|port| self.port(port)));
        let ported = port.is_some() == traits.transport.has_ports();
        found.unless(ported, "destination_port", What::Invalid);
        if let Some(agent) = &traits.user_agent {
            found.judged("user_agent", words::user_agent(agent, self.level));
        }
        if let Some(media) = &traits.content_type {
            found.judged("content_type", words::media_type(media));
        }
    }

    /// A number that others tell as a range is finer, a range where numbers are told is unknown.
    pub(super) fn port(&self, port: Port) -> Option<What> {
        match port {
            Port::Number(number) if self.level.port(number) == port => None,
            Port::Number(_) => Some(What::Finer),
            Port::Class(_) if self.level == Level::Thesis => Some(What::NotAtLevel),
            Port::Class(_) => None,
        }
    }

    /// What is left of kinds that are not told may be less than k.
    fn failed(&self, cell: &FailedCell, found: &mut Found) {
        let rest = cell.transport.is_none();
        found.unless(rest || cell.flows >= self.k, "flows", What::TooFew);
        found.unless(cell.outcome.is_none() == rest, "outcome", What::Invalid);
        let ports = cell.transport.is_some_and(|it| it.has_ports());
        let told = cell.port_class.is_some() == ports;
        found.unless(told, "port_class", What::Invalid);
    }

    fn enough(&self, rest: bool, sums: &Statistics, found: &mut Found) {
        found.unless(rest || sums.all.flows >= self.k, "all", What::TooFew);
    }

    fn day(&self, cell: &DayCell, found: &mut Found) {
        found.judged("key", cells::key(cell, self));
        let with_country = cell.by == Dimension::PortCountry;
        let told = cell.country.is_some() == with_country;
        found.unless(told, "country", What::Invalid);
        if self.noisy {
            let of_sizes = [Dimension::Packets, Dimension::Bytes, Dimension::DurationMs];
            let exact = with_country || of_sizes.contains(&cell.by);
            found.unless(!exact, "by", What::NotAtLevel);
        } else {
            let count = u64::try_from(cell.flows).ok();
            let told = count.is_some_and(|flows| self.level.count(flows) == flows);
            found.unless(told, "flows", What::Finer);
        }
        self.sums(cell, found);
    }

    /// Noise is in flows alone: other counts would be exact.
    fn sums(&self, cell: &DayCell, found: &mut Found) {
        let level = self.level;
        for (field, sum, told) in [
            ("failed", cell.failed, level.count(sum_of(cell.failed))),
            ("packets", cell.packets, level.count(sum_of(cell.packets))),
            ("bytes", cell.bytes, level.volume(sum_of(cell.bytes))),
            ("duration_ms", cell.duration_ms, sum_of(cell.duration_ms)),
        ] {
            found.unless(!(self.noisy && sum.is_some()), field, What::NotAtLevel);
            found.unless(told == sum_of(sum), field, What::Finer);
        }
    }

    fn distinct(&self, distinct: &Distinct, found: &mut Found) {
        found.unless(!self.noisy, "type", What::NotAtLevel);
        found.unless(distinct.at_least >= self.k, "at_least", What::TooFew);
    }
}

/// 0, which every level tells as it is, where there is none.
fn sum_of(sum: Option<u64>) -> u64 {
    sum.unwrap_or_default()
}
