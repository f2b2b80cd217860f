//! Lines of day files: what a day's flows were, counted.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Country, Leg};

/// By what a day's flows are told apart. In each dimension the cells of a leg add up to its flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Not told apart: the key is `all`.
    All,
    /// [`super::Label`]; below k its master.
    Label,
    /// nDPI's category.
    Category,
    /// [`super::Port`] of the other side, `none` for transports without ports; below k its range.
    Port,
    /// [`Country`] of the opener; below k its continent.
    SourceCountry,
    /// [`Country`] of the other side; below k its continent.
    DestinationCountry,
    /// [`super::Proxy`] of the opener, `none_known` where the data has no such flags.
    SourceProxy,
    /// The same of the other side.
    DestinationProxy,
    /// Registered media type of HTTP responses; `unknown` of HTTP without one, `not_http`.
    ContentType,
    /// User agent as the level tells it; `unknown` of HTTP without one, `not_http`.
    UserAgent,
    /// Hour of the day, UTC, `00` to `23`.
    Hour,
    /// Port with country of the other side: the key is the port.
    PortCountry,
    /// [`super::Transport`].
    Transport,
    /// `4` or `6`.
    IpVersion,
    /// [`super::Outcome`].
    Outcome,
    /// [`super::Method`]: `port` and `address` are guesses.
    Method,
    /// `true` for failed flows; with noise alone, where no cell tells how many of it failed.
    Failed,
    /// Packets of a record, rounded down to a power of two.
    Packets,
    /// Bytes of a record, rounded down to a power of two.
    Bytes,
    /// Milliseconds of a record, rounded down to a power of two.
    DurationMs,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::All,
        Self::Label,
        Self::Category,
        Self::Port,
        Self::SourceCountry,
        Self::DestinationCountry,
        Self::SourceProxy,
        Self::DestinationProxy,
        Self::ContentType,
        Self::UserAgent,
        Self::Hour,
        Self::PortCountry,
        Self::Transport,
        Self::IpVersion,
        Self::Outcome,
        Self::Method,
        Self::Failed,
        Self::Packets,
        Self::Bytes,
        Self::DurationMs,
    ];
}

/// Key of cells that are too small to be told.
pub const OTHER: &str = "other";

/// Flows of one day, leg and kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayCell {
    /// UTC.
    pub day: jiff::civil::Date,
    /// Whose traffic it is; `other` for legs of fewer than k flows.
    pub leg: Leg,
    /// By what it is told apart.
    pub by: Dimension,
    /// Which kind; `other` for kinds of too few flows.
    pub key: Cow<'static, str>,
    /// In [`Dimension::PortCountry`], country of the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    /// Records: a flow that active cuts split counts once a part.
    ///
    /// With noise it may be below 0: a reader may raise it to 0, and should not before summing up.
    pub flows: i64,
    /// Of `flows`, failed ones; `null`: not at this level.
    pub failed: Option<u64>,
    /// Wire packets; `null`: not at this level.
    pub packets: Option<u64>,
    /// Wire bytes; `null`: not at this level.
    pub bytes: Option<u64>,
    /// Time from first to last packet, summed, milliseconds; `null`: not at this level.
    pub duration_ms: Option<u64>,
}

/// How many values a dimension has, of those that at least k flows have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distinct {
    /// UTC.
    pub day: jiff::civil::Date,
    /// Whose traffic it is.
    pub leg: Leg,
    /// Of what.
    pub by: Dimension,
    /// Values.
    pub values: u64,
    /// Flows that a value has at least to be counted.
    pub at_least: u64,
}
