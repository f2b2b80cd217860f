//! What differential privacy is asked for with: `epsilon=0.3,bound=1,period=day`.

use std::{fmt, num::NonZeroU32, str::FromStr};

use collector_common::schema::{DifferentialPrivacy, Period};
use serde::{Deserialize, Serialize};

/// What [`Epsilon`] counts is a part of.
pub(super) const MILLION: NonZeroU32 = NonZeroU32::new(1_000_000).unwrap();
const EPSILON_DIGITS: usize = 6;
const MIN_EPSILON: u32 = 1_000;
const MAX_EPSILON: u32 = 10 * MILLION.get();
const MAX_BOUND: u32 = 1_000_000;

/// Differential privacy was asked for in words that do not stand for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DpError {
    /// A part is not `KEY=VALUE`.
    #[error("`{0}` is not KEY=VALUE; write epsilon=0.3,bound=1,period=day")]
    NoPair(String),
    /// A key that does not exist.
    #[error("there is no `{0}`; the keys are epsilon, bound and period")]
    Unknown(String),
    /// A key twice.
    #[error("{0} is given twice; give it once")]
    Twice(&'static str),
    /// A key is missing.
    #[error("{0} is missing; write epsilon=0.3,bound=1,period=day")]
    Missing(&'static str),
    /// Not an [`Epsilon`].
    #[error("epsilon is a decimal number from 0.001 to 10 with at most 6 decimals, as in 0.3")]
    Epsilon,
    /// Not a [`Bound`].
    #[error("bound is a whole number of flows from 1 to 1000000")]
    Bound,
    /// Not a [`Period`].
    #[error("period is day, week or month")]
    Period,
}

/// Loss of privacy: what one action changes multiplies the chance of no output by more than
/// e^epsilon. From 0.001 to 10, in exact millionths; written as a decimal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Epsilon(NonZeroU32);

impl Epsilon {
    /// It times a million.
    #[must_use]
    pub fn millionths(self) -> NonZeroU32 {
        self.0
    }
}

impl FromStr for Epsilon {
    type Err = DpError;

    fn from_str(text: &str) -> Result<Self, DpError> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str, most| {
            let long = (1..=most).contains(&part.len());
            long && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(whole, 2) || !digits(decimals, EPSILON_DIGITS) {
            return Err(DpError::Epsilon);
        }
        let shifted = format!("{whole}{decimals:0<EPSILON_DIGITS$}");
        let millionths: NonZeroU32 = shifted.parse().map_err(|_| DpError::Epsilon)?;
        let fits = (MIN_EPSILON..=MAX_EPSILON).contains(&millionths.get());
        fits.then_some(Self(millionths)).ok_or(DpError::Epsilon)
    }
}

impl fmt::Display for Epsilon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:06}", self.0.get() / MILLION, self.0.get() % MILLION);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl From<Epsilon> for String {
    fn from(epsilon: Epsilon) -> Self {
        epsilon.to_string()
    }
}

impl TryFrom<String> for Epsilon {
    type Error = DpError;

    fn try_from(text: String) -> Result<Self, DpError> {
        text.parse()
    }
}

/// Flows that one action may add or take away within a period; what epsilon protects is that
/// many together. From 1 to 1,000,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u32", try_from = "u32")]
pub struct Bound(NonZeroU32);

impl Bound {
    /// The number.
    #[must_use]
    pub fn flows(self) -> NonZeroU32 {
        self.0
    }
}

impl TryFrom<u32> for Bound {
    type Error = DpError;

    fn try_from(flows: u32) -> Result<Self, DpError> {
        let flows = NonZeroU32::new(flows).filter(|flows| flows.get() <= MAX_BOUND);
        flows.map(Self).ok_or(DpError::Bound)
    }
}

impl From<Bound> for u32 {
    fn from(bound: Bound) -> Self {
        bound.0.get()
    }
}

impl FromStr for Bound {
    type Err = DpError;

    fn from_str(text: &str) -> Result<Self, DpError> {
        let flows: u32 = text.parse().map_err(|_| DpError::Bound)?;
        flows.try_into()
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Differential privacy as asked for; written `epsilon=0.3,bound=1,period=day`, in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dp {
    /// Of a whole release: all its key lists together.
    pub epsilon: Epsilon,
    /// What an action is taken to change at most.
    pub bound: Bound,
    /// How long one release counts.
    pub period: Period,
}

impl Dp {
    /// From what a file's header tells.
    ///
    /// # Errors
    /// That is none: then nothing may be told as if no noise had been asked for.
    pub fn of(told: &DifferentialPrivacy) -> Result<Self, DpError> {
        let bound = u32::try_from(told.bound).map_err(|_| DpError::Bound)?;
        Ok(Self {
            epsilon: told.epsilon.parse()?,
            bound: bound.try_into()?,
            period: told.period,
        })
    }

    /// As a file's header tells it.
    #[must_use]
    pub fn describe(&self) -> DifferentialPrivacy {
        DifferentialPrivacy {
            epsilon: self.epsilon.to_string(),
            bound: self.bound.flows().get().into(),
            period: self.period,
        }
    }

    /// What the protection rests on, for people.
    #[must_use]
    pub fn assumption(&self) -> String {
        let Self {
            epsilon,
            bound,
            period,
        } = self;
        format!(
            "differential privacy with epsilon {epsilon} a {period} protects an action of at most \
             {bound} flow(s) a {period}. That nobody's action is larger is an assumption: an exit \
             can't tell whose flows are whose, so nothing enforces it"
        )
    }
}

impl FromStr for Dp {
    type Err = DpError;

    fn from_str(text: &str) -> Result<Self, DpError> {
        let (mut epsilon, mut bound, mut period) = (None, None, None);
        for part in text.split(',') {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| DpError::NoPair(part.to_owned()))?;
            match key {
                "epsilon" => set(&mut epsilon, "epsilon", value)?,
                "bound" => set(&mut bound, "bound", value)?,
                "period" => {
                    let value: Period = value.parse().map_err(|_| DpError::Period)?;
                    place(&mut period, "period", value)?;
                }
                _ => return Err(DpError::Unknown(key.to_owned())),
            }
        }
        Ok(Self {
            epsilon: epsilon.ok_or(DpError::Missing("epsilon"))?,
            bound: bound.ok_or(DpError::Missing("bound"))?,
            period: period.ok_or(DpError::Missing("period"))?,
        })
    }
}

fn set<T: FromStr<Err = DpError>>(
    place: &mut Option<T>,
    key: &'static str,
    value: &str,
) -> Result<(), DpError> {
    self::place(place, key, value.parse()?)
}

fn place<T>(place: &mut Option<T>, key: &'static str, value: T) -> Result<(), DpError> {
    let before = place.replace(value);
    before.map_or(Ok(()), |_| Err(DpError::Twice(key)))
}

impl fmt::Display for Dp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            epsilon,
            bound,
            period,
        } = self;
        write!(f, "epsilon={epsilon},bound={bound},period={period}")
    }
}

#[cfg(test)]
mod tests;
