//! Which tables and figures there are.

use collector_common::schema::{DayCell, Dimension, Leg};

/// What a table counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// All flows.
    Flows,
    /// Flows that did not fail: those that the study wrote.
    Held,
    /// Failed ones.
    Failed,
    /// Wire packets.
    Packets,
    /// Wire bytes.
    Bytes,
    /// Milliseconds of all flows together.
    Milliseconds,
}

impl Measure {
    /// Of one cell; `None`: not at this level.
    pub(super) fn of(self, cell: &DayCell) -> Option<i64> {
        let number = |number: Option<u64>| number.and_then(|number| i64::try_from(number).ok());
        match self {
            Self::Flows => Some(cell.flows),
            Self::Held => Some(cell.flows - number(cell.failed)?),
            Self::Failed => number(cell.failed),
            Self::Packets => number(cell.packets),
            Self::Bytes => number(cell.bytes),
            Self::Milliseconds => number(cell.duration_ms),
        }
    }
}

/// How the rows of a table are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// By this, all nodes together.
    By(Dimension),
    /// By this, each node for itself.
    ByNodeAnd(Dimension),
    /// User agents of HTTP as they were sent, but for what identifies people.
    Agents,
    /// Families of user agents of HTTP.
    Families,
    /// Content types of HTTP up to their `/`.
    ContentGroups,
    /// How many values, each day.
    Values(Dimension),
}

/// A table or the numbers of a figure.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// As the study calls it.
    pub name: &'static str,
    /// Its rows.
    pub rows: Rows,
    /// Its numbers.
    pub measure: Measure,
    /// Whose traffic; all legs where empty.
    pub legs: &'static [Leg],
}

const fn table(name: &'static str, rows: Rows, measure: Measure, legs: &'static [Leg]) -> Table {
    Table {
        name,
        rows,
        measure,
        legs,
    }
}

const ALL: &[Leg] = &[];
/// What left the exit, the study's denominator of shares.
const OUT: &[Leg] = &[Leg::Exit];
/// Flows that others opened: without the consensus relays can't be told from others.
const IN: &[Leg] = &[Leg::Or, Leg::Dir, Leg::Inbound];

use {Dimension as By, Measure as Of};

/// All of them.
pub const TABLES: &[Table] = &[
    table("table 5.1: flows", Rows::ByNodeAnd(By::All), Of::Flows, ALL),
    table(
        "table 5.1: failed flows",
        Rows::ByNodeAnd(By::All),
        Of::Failed,
        ALL,
    ),
    table("table 5.1: bytes", Rows::ByNodeAnd(By::All), Of::Bytes, ALL),
    table(
        "figure 5.1: packets",
        Rows::ByNodeAnd(By::All),
        Of::Packets,
        ALL,
    ),
    table(
        "figure 5.2: flows",
        Rows::ByNodeAnd(By::All),
        Of::Flows,
        ALL,
    ),
    table("figure 5.3: protocols", Rows::By(By::Label), Of::Held, OUT),
    table(
        "figure 5.4: categories",
        Rows::By(By::Category),
        Of::Held,
        OUT,
    ),
    table(
        "figure 5.5: destinations",
        Rows::By(By::DestinationCountry),
        Of::Held,
        OUT,
    ),
    table("figure 5.6: ports", Rows::By(By::Port), Of::Held, OUT),
    table(
        "figures 5.7 to 5.9: hours",
        Rows::ByNodeAnd(By::Hour),
        Of::Held,
        ALL,
    ),
    table("figure 5.10: hours", Rows::By(By::Hour), Of::Held, ALL),
    table(
        "figure 5.11: sources",
        Rows::By(By::SourceCountry),
        Of::Held,
        IN,
    ),
    table("table 5.2: user agents", Rows::Agents, Of::Held, ALL),
    table("table 5.2: families", Rows::Families, Of::Held, ALL),
    table(
        "table 5.3: content types",
        Rows::ContentGroups,
        Of::Held,
        ALL,
    ),
    table("ports by country", Rows::By(By::PortCountry), Of::Held, OUT),
    table(
        "length of all flows, for the average",
        Rows::By(By::All),
        Of::Milliseconds,
        ALL,
    ),
    table("guessed: methods", Rows::By(By::Method), Of::Held, ALL),
    table("proxies: sources", Rows::By(By::SourceProxy), Of::Held, ALL),
    table(
        "proxies: destinations",
        Rows::By(By::DestinationProxy),
        Of::Held,
        ALL,
    ),
    table(
        "sources, number",
        Rows::Values(By::SourceCountry),
        Of::Flows,
        IN,
    ),
    table(
        "destinations, number",
        Rows::Values(By::DestinationCountry),
        Of::Flows,
        OUT,
    ),
    table(
        "appendix A.3: protocols",
        Rows::By(By::Label),
        Of::Held,
        ALL,
    ),
    table(
        "appendix A.3: categories",
        Rows::By(By::Category),
        Of::Held,
        ALL,
    ),
    table("appendix A.3: ports", Rows::By(By::Port), Of::Held, ALL),
    table(
        "appendix A.3: sources",
        Rows::By(By::SourceCountry),
        Of::Held,
        ALL,
    ),
    table(
        "appendix A.3: destinations",
        Rows::By(By::DestinationCountry),
        Of::Held,
        ALL,
    ),
    table(
        "appendix A.3: content types",
        Rows::By(By::ContentType),
        Of::Held,
        ALL,
    ),
];
