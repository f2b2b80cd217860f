//! What ended, by what is told of it: in the last minute, and since the start.
//!
//! It counts what the spool takes, so nothing is here that a file of the level would not hold before
//! small numbers are hidden. All words are of closed lists; ports of level `thesis` are the only ones
//! that many can make, and there is a cap.

use std::{borrow::Cow, collections::BTreeMap};

use collector_common::{
    schema::{Country, Label, Leg, OTHER, Port, Sum, Traits, Transport},
    settings::SECOND,
};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::{
    process::on_clean_stack,
    sink::{entry::Entered, word},
};

/// Parts of the last minute.
const SLICES: usize = 6;
/// How long each is, nanoseconds.
const SLICE: u64 = 10 * SECOND;
/// Most values of a dimension; what comes beyond is counted as `other`.
const MOST: usize = 4096;

/// What flows are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// [`Leg`].
    Leg,
    /// [`Transport`].
    Transport,
    /// [`Label`].
    Label,
    /// nDPI's category.
    Category,
    /// Of the side that did not open the flow.
    Country,
    /// The same side's, as the level tells it.
    Port,
}

impl By {
    /// All.
    pub const ALL: [By; 6] = [
        By::Leg,
        By::Transport,
        By::Label,
        By::Category,
        By::Country,
        By::Port,
    ];
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Value {
    Leg(Leg),
    Transport(Transport),
    Label(Label),
    Category(Cow<'static, str>),
    Country(Country),
    Port(Option<Port>),
    /// Beyond the cap.
    Other(By),
}

impl Value {
    fn of(by: By, traits: &Traits) -> Self {
        match by {
            By::Leg => Self::Leg(traits.leg),
            By::Transport => Self::Transport(traits.transport),
            By::Label => Self::Label(traits.label.clone()),
            By::Category => Self::Category(traits.category.clone()),
            By::Country => Self::Country(traits.destination_country),
            By::Port => Self::Port(traits.destination_port),
        }
    }

    fn by(&self) -> By {
        match self {
            Self::Leg(_) => By::Leg,
            Self::Transport(_) => By::Transport,
            Self::Label(_) => By::Label,
            Self::Category(_) => By::Category,
            Self::Country(_) => By::Country,
            Self::Port(_) => By::Port,
            Self::Other(by) => *by,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Leg(leg) => word(leg).into_owned(),
            Self::Transport(transport) => word(transport).into_owned(),
            Self::Label(label) => label.to_string(),
            Self::Category(category) => category.to_string(),
            Self::Country(country) => country.to_string(),
            Self::Port(None) => "none".to_owned(),
            Self::Port(Some(Port::Number(number))) => number.to_string(),
            Self::Port(Some(Port::Class(class))) => class.as_str().to_owned(),
            Self::Other(_) => OTHER.to_owned(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    total: Sum,
    slices: [Sum; SLICES],
}

impl Cell {
    fn minute(&self) -> Sum {
        let mut sum = Sum::default();
        for slice in self.slices {
            sum.add(slice);
        }
        sum
    }
}

/// One value of a dimension, and what ended with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// As files name it.
    pub name: String,
    /// In the last minute, to ten seconds.
    pub minute: Sum,
    /// Since the agent started.
    pub total: Sum,
}

/// Counts of what ended.
#[derive(Debug, Default)]
pub struct View {
    cells: HashMap<Box<Value>, Cell>,
    /// Values by dimension.
    values: [usize; By::ALL.len()],
    slice: usize,
    /// When the slice began, nanoseconds since boot.
    began: u64,
}

impl View {
    /// Counts a record.
    pub fn count(&mut self, record: &Entered) {
        let sum = record.size.sum;
        for by in By::ALL {
            let slice = self.slice;
            let cell = self.cell(Value::of(by, &record.kind.traits));
            cell.total.add(sum);
            cell.slices[slice].add(sum);
        }
    }

    fn cell(&mut self, value: Value) -> &mut Cell {
        let values = &mut self.values[value.by() as usize];
        let mut is_known = self.cells.contains_key(&value);
        let value = if is_known || *values < MOST {
            value
        } else {
            let other = Value::Other(value.by());
            is_known = self.cells.contains_key(&other);
            other
        };
        if !is_known {
            *values += 1;
            // It stays, was made where addresses lay, and sets no more bytes than it has.
            let kept = on_clean_stack(|| Box::new(value.clone()));
            self.cells.insert(kept, Cell::default());
        }
        self.cells.get_mut(&value).expect("it is there by now")
    }

    /// It is `now`, nanoseconds since boot: forgets what ended more than a minute ago.
    pub fn turn(&mut self, now: u64) {
        let passed = now.saturating_sub(self.began) / SLICE;
        self.began += passed * SLICE;
        for _ in 0..passed.min(SLICES as u64) {
            self.slice = (self.slice + 1) % SLICES;
            for cell in self.cells.values_mut() {
                cell.slices[self.slice] = Sum::default();
            }
        }
    }

    /// The first `most` values of each dimension, most bytes of the last minute first.
    #[must_use]
    pub fn rows(&self, most: usize) -> BTreeMap<By, Vec<Row>> {
        let mut rows: BTreeMap<By, Vec<Row>> = By::ALL.map(|by| (by, Vec::new())).into();
        for (value, cell) in &self.cells {
            rows.entry(value.by()).or_default().push(Row {
                name: value.name(),
                minute: cell.minute(),
                total: cell.total,
            });
        }
        for rows in rows.values_mut() {
            rows.sort_unstable_by(|one, other| {
                let order = |row: &Row| (row.minute.bytes, row.total.bytes);
                order(other)
                    .cmp(&order(one))
                    .then_with(|| one.name.cmp(&other.name))
            });
            rows.truncate(most);
        }
        rows
    }

    /// Since the start, by the names of one dimension.
    #[must_use]
    pub fn totals(&self, by: By) -> BTreeMap<String, Sum> {
        let mut totals: BTreeMap<String, Sum> = BTreeMap::new();
        for (value, cell) in self.cells.iter().filter(|(value, _)| value.by() == by) {
            totals.entry(value.name()).or_default().add(cell.total);
        }
        totals
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::pipeline::fixtures;

    /// A record with these traits.
    pub(crate) fn record(change: impl FnOnce(&mut Traits), bytes: u64) -> Entered {
        let mut entered = fixtures::entered();
        change(&mut entered.kind.traits);
        entered.size.sum = Sum {
            flows: 1,
            packets: 10,
            bytes,
        };
        entered
    }

    fn port(number: u16) -> impl FnOnce(&mut Traits) {
        move |traits| traits.destination_port = Some(Port::Number(number))
    }

    fn names(view: &View, by: By) -> Vec<String> {
        let rows = view.rows(10).remove(&by).unwrap();
        rows.into_iter().map(|row| row.name).collect()
    }

    #[test]
    fn what_ended_leaves_the_last_minute_and_stays_in_the_total() {
        let mut view = View::default();
        view.turn(5 * SECOND);
        view.count(&record(port(443), 100));
        for (second, minute) in [(9, 100), (59, 100), (60, 0), (600, 0)] {
            view.turn(second * SECOND);
            let row = view.rows(1).remove(&By::Port).unwrap().remove(0);
            assert_eq!(
                (row.minute.bytes, row.total.bytes),
                (minute, 100),
                "{second}"
            );
        }
    }

    #[test]
    fn rows_are_sorted_by_the_bytes_of_the_last_minute_then_of_all_time() {
        let mut view = View::default();
        view.count(&record(port(25), 1000));
        view.count(&record(port(22), 900));
        view.turn(70 * SECOND);
        view.count(&record(port(80), 1));
        assert_eq!(names(&view, By::Port), ["80", "25", "22"]);
    }

    #[test]
    fn values_beyond_the_cap_are_other_and_no_sum_is_lost() {
        let mut view = View::default();
        for number in 0..=u16::MAX {
            view.count(&record(port(number), 1));
        }
        assert!(view.cells.len() <= MOST + By::ALL.len() + 1);
        assert_eq!(names(&view, By::Port)[0], OTHER);
        let total: u64 = view.totals(By::Port).values().map(|sum| sum.flows).sum();
        assert_eq!(total, 1 << 16);
    }

    #[test]
    fn every_dimension_counts_every_record() {
        let mut view = View::default();
        view.count(&record(|_| {}, 7));
        view.count(&record(|traits| traits.destination_port = None, 7));
        for by in By::ALL {
            let total: u64 = view.totals(by).values().map(|sum| sum.bytes).sum();
            assert_eq!(total, 14, "{by:?}");
        }
        assert_eq!(names(&view, By::Port).len(), 2);
    }
}
