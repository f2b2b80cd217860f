//! The metrics page: OpenMetrics text.

use std::fmt;

use collector_common::{
    books::{Books, Hook, Reason},
    schema::Sum,
    wire::Tally,
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge, info::Info},
    registry::{Registry, Unit},
};

use super::{
    health::{Fill, Health},
    told::{DIMENSIONS, Told},
    view::By,
};

/// What a page says that it is.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a page is made of.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Version of the agent.
    pub version: &'a str,
    /// Seconds from 1970 to the agent's start.
    pub started: f64,
    /// The kernel's counters.
    pub books: &'a Books,
    /// How the meter does.
    pub health: &'a Health,
    /// What is told of traffic; `None` where files are told with noise: exact counters beside them
    /// would take it away.
    pub told: Option<&'a Told>,
}

/// The text of a page.
///
/// # Errors
/// None that a string gives.
pub fn text(facts: Facts<'_>) -> Result<String, fmt::Error> {
    let mut page = Page::default();
    page.packets(facts.books);
    page.losses(facts);
    page.fills(facts.health);
    page.output(facts.health);
    page.process(facts);
    if let Some(told) = facts.told {
        page.traffic(told);
    }
    let mut registry = Registry::default();
    registry.register(
        "collector_build",
        "The agent's version",
        Info::new([("version", facts.version.to_owned())]),
    );
    registry.register_collector(Box::new(page));
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Clone, Copy, Debug)]
enum Number {
    Counter(u64),
    CounterOf(f64),
    Gauge(u64),
    GaugeOf(f64),
}

impl Number {
    fn encode(self, encoder: MetricEncoder<'_>) -> fmt::Result {
        match self {
            Self::Counter(number) => ConstCounter::new(number).encode(encoder),
            Self::CounterOf(number) => ConstCounter::new(number).encode(encoder),
            Self::Gauge(number) => ConstGauge::new(number).encode(encoder),
            Self::GaugeOf(number) => ConstGauge::new(number).encode(encoder),
        }
    }
}

/// Label and value.
type Label = (&'static str, String);

#[derive(Debug)]
struct Family {
    /// Without unit and `_total`, which the encoder adds. Without label it has one number.
    name: String,
    help: &'static str,
    unit: Option<Unit>,
    numbers: Vec<(Option<Label>, Number)>,
}

#[derive(Debug, Default)]
struct Page(Vec<Family>);

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in &self.0 {
            let kind = match family.numbers.first() {
                Some((_, Number::Counter(_) | Number::CounterOf(_))) => MetricType::Counter,
                Some((_, Number::Gauge(_) | Number::GaugeOf(_))) => MetricType::Gauge,
                None => continue,
            };
            let (name, unit) = (&family.name, family.unit.as_ref());
            let mut encoder = encoder.encode_descriptor(name, family.help, unit, kind)?;
            for (label, number) in &family.numbers {
                match label {
                    Some((label, value)) => {
                        let labels = [(*label, value.as_str())];
                        number.encode(encoder.encode_family(&labels)?)?;
                    }
                    // The encoder would write empty braces, which not every reader takes.
                    None => {
                        number.encode(encoder)?;
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Page {
    fn add(
        &mut self,
        name: impl Into<String>,
        help: &'static str,
        unit: Option<Unit>,
        numbers: impl IntoIterator<Item = (Option<Label>, Number)>,
    ) {
        self.0.push(Family {
            name: name.into(),
            help,
            unit,
            numbers: numbers.into_iter().collect(),
        });
    }

    fn one(&mut self, name: &str, help: &'static str, unit: Option<Unit>, number: Number) {
        self.add(name, help, unit, [(None, number)]);
    }

    /// Packets and bytes by a label, as two families.
    fn tallies(
        &mut self,
        [packets, bytes]: [(&str, &'static str); 2],
        label: &'static str,
        tallies: &[(&str, Tally)],
    ) {
        let labelled = |of: fn(&Tally) -> u64| {
            let one = move |(value, tally): &(&str, Tally)| {
                (
                    Some((label, (*value).to_owned())),
                    Number::Counter(of(tally)),
                )
            };
            tallies.iter().map(one).collect::<Vec<_>>()
        };
        self.add(packets.0, packets.1, None, labelled(|tally| tally.packets));
        let bytes_unit = Some(Unit::Bytes);
        self.add(bytes.0, bytes.1, bytes_unit, labelled(|tally| tally.bytes));
    }

    fn packets(&mut self, books: &Books) {
        let seen = Hook::ALL.map(|hook| (hook.as_str(), books.seen[hook as usize]));
        self.tallies(
            [
                ("collector_seen_packets", "Packets that the hooks saw"),
                ("collector_seen", "Bytes that the hooks saw, on the wire"),
            ],
            "hook",
            &seen,
        );
        let of = |reason: Reason| (reason.as_str(), books.reasons[reason as usize]);
        self.tallies(
            [
                (
                    "collector_unmetered_packets",
                    "Packets in no flow, by reason",
                ),
                ("collector_unmetered", "Bytes in no flow, by reason"),
            ],
            "reason",
            &Reason::ALL.map(of),
        );
    }

    fn losses(&mut self, facts: Facts<'_>) {
        let losses = facts.health.losses;
        let labelled = |label: &'static str, numbers: &[(&str, u64)]| {
            let one = |(value, number): &(&str, u64)| {
                (Some((label, (*value).to_owned())), Number::Counter(*number))
            };
            numbers.iter().map(one).collect::<Vec<_>>()
        };
        let lost = [
            ("overflow", losses.overflow),
            ("late", losses.late),
            ("crash", losses.in_crash),
            ("unwritten", losses.unwritten),
        ];
        let help = "Packets that are in no file and will be in none, by where they were lost";
        self.add("collector_lost_packets", help, None, labelled("at", &lost));
        let help = "Payload samples handed over";
        let samples = Number::Counter(facts.books.samples);
        self.one("collector_samples", help, None, samples);
        let lost = [
            ("ring", losses.samples),
            ("inspection", losses.samples_shed),
        ];
        let help = "Payload samples not looked at: a label may suffer, no count does";
        self.add("collector_lost_samples", help, None, labelled("at", &lost));
        let help = "Things that are wrong; `collector top` names them";
        let troubles = Number::Gauge(facts.health.troubles.len() as u64);
        self.one("collector_troubles", help, None, troubles);
    }

    fn fills(&mut self, health: &Health) {
        let table = health.table;
        for (name, help, number) in [
            (
                "collector_table_flows",
                "Flows in the table, about",
                table.now,
            ),
            (
                "collector_table_peak_flows",
                "Most flows that were in it",
                table.peak,
            ),
            (
                "collector_table_limit_flows",
                "Flows that the table takes",
                table.size,
            ),
        ] {
            self.one(name, help, None, Number::Gauge(number));
        }
        let of = |amount: fn(&Fill) -> u64| {
            let one = move |(ring, fill): (&String, &Fill)| {
                (Some(("ring", ring.clone())), Number::Gauge(amount(fill)))
            };
            health.rings.iter().map(one).collect::<Vec<_>>()
        };
        let bytes = || Some(Unit::Bytes);
        self.add(
            "collector_ring",
            "Found in the ring",
            bytes(),
            of(|fill| fill.now),
        );
        let help = "Most that was found in the ring";
        self.add("collector_ring_peak", help, bytes(), of(|fill| fill.peak));
        let help = "What the ring takes";
        self.add("collector_ring_limit", help, bytes(), of(|fill| fill.size));
    }

    fn output(&mut self, health: &Health) {
        let output = &health.output;
        let bytes = || Some(Unit::Bytes);
        let help = "Records that wait for the disk";
        self.one(
            "collector_queue",
            help,
            bytes(),
            Number::Gauge(output.queue.now),
        );
        let help = "Records that may wait; beyond, they are lost";
        let limit = Number::Gauge(output.queue.size);
        self.one("collector_queue_limit", help, bytes(), limit);
        let help = "1 while the disk takes nothing";
        let failing = Number::Gauge(output.failing.into());
        self.one("collector_disk_failing", help, None, failing);
        let help = "Age of the spool";
        let age = Number::Gauge(output.spool_age);
        self.one("collector_spool_age", help, Some(Unit::Seconds), age);
        let help = "Spools that wait to be closed";
        let waiting = Number::Gauge(output.spools_waiting);
        self.one("collector_waiting_spools", help, None, waiting);
        let help = "Files that retention removed";
        let files = Number::Counter(output.files_removed);
        self.one("collector_removed_files", help, None, files);
        let help = "Bytes of files that retention removed";
        let removed = Number::Counter(output.bytes_removed);
        self.one("collector_removed", help, bytes(), removed);
    }

    /// Names that every client library has.
    fn process(&mut self, facts: Facts<'_>) {
        let process = facts.health.process;
        let (bytes, seconds) = (Some(Unit::Bytes), || Some(Unit::Seconds));
        let resident = Number::Gauge(process.resident_bytes);
        self.one(
            "process_resident_memory",
            "Resident memory size",
            bytes,
            resident,
        );
        let descriptors = Number::Gauge(process.descriptors);
        self.one("process_open_fds", "Open descriptors", None, descriptors);
        let cpu = Number::CounterOf(process.cpu_seconds);
        self.one("process_cpu", "CPU time used", seconds(), cpu);
        let started = Number::GaugeOf(facts.started);
        let help = "Start of the process since 1970";
        self.one("process_start_time", help, seconds(), started);
    }

    fn traffic(&mut self, told: &Told) {
        for by in DIMENSIONS {
            let (label, help) = match by {
                By::Leg => ("leg", "Ended, by leg; advances as files tell time"),
                By::Label => ("label", "Ended, by label; advances as files tell time"),
                _ => ("country", "Ended, by country; advances as files tell time"),
            };
            let of = |number: fn(Sum) -> u64| {
                let one = move |(value, sum): (&str, Sum)| {
                    (
                        Some((label, value.to_owned())),
                        Number::Counter(number(sum)),
                    )
                };
                told.counters(by).map(one).collect::<Vec<_>>()
            };
            self.add(
                format!("collector_{label}_flows"),
                help,
                None,
                of(|sum| sum.flows),
            );
            let packets = of(|sum| sum.packets);
            self.add(format!("collector_{label}_packets"), help, None, packets);
            let bytes = of(|sum| sum.bytes);
            self.add(format!("collector_{label}"), help, Some(Unit::Bytes), bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use collector_common::schema::Level;

    use super::*;
    use crate::watching::view::{View, tests::record};

    fn page(told: Option<&Told>) -> String {
        let mut books = Books::default();
        books.seen[1] = Tally {
            packets: 7,
            bytes: 900,
        };
        let mut health = Health::default();
        health.rings.insert("late".into(), Fill::default());
        text(Facts {
            version: "1.2.3",
            started: 1.5,
            books: &books,
            health: &health,
            told,
        })
        .unwrap()
    }

    #[test]
    fn names_end_with_unit_and_total_and_the_page_with_its_mark() {
        let page = page(None);
        for line in [
            "collector_build_info{version=\"1.2.3\"} 1",
            "collector_seen_packets_total{hook=\"egress\"} 7",
            "collector_seen_bytes_total{hook=\"egress\"} 900",
            "collector_unmetered_packets_total{reason=\"late_lost\"} 0",
            "collector_ring_peak_bytes{ring=\"late\"} 0",
            "collector_spool_age_seconds 0",
            "process_resident_memory_bytes 0",
            "process_cpu_seconds_total 0.0",
            "process_start_time_seconds 1.5",
        ] {
            assert!(page.lines().any(|it| it == line), "{line}? {page}");
        }
        assert!(page.ends_with("# EOF\n"));
    }

    #[test]
    fn traffic_is_on_the_page_when_its_hour_is_over_and_never_where_files_have_noise() {
        let (mut view, mut told) = (View::default(), Told::new(Level::Coarse));
        told.look(&view, 0);
        for _ in 0..20 {
            view.count(&record(|_| {}, 100));
        }
        told.look(&view, 60);
        assert!(page(Some(&told)).contains("collector_leg_flows_total{leg=\""));
        assert!(!page(None).contains("collector_leg"));
    }
}
