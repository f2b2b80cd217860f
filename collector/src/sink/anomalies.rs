//! Anomalies by hour and kind.

use std::collections::{BTreeMap, btree_map::Entry};

use collector_common::schema::{Anomaly, AnomalyTraits, Hour};

/// Sums of several windows.
#[derive(Clone, Debug, Default)]
pub(super) struct Anomalies(BTreeMap<(Hour, AnomalyTraits), Anomaly>);

impl Anomalies {
    pub(super) fn add(&mut self, anomaly: &Anomaly) {
        match self.0.entry((anomaly.hour, anomaly.traits)) {
            Entry::Occupied(mut known) => known.get_mut().add(anomaly),
            Entry::Vacant(place) => {
                place.insert(*anomaly);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order of hours.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Anomaly> {
        self.0.values()
    }
}
