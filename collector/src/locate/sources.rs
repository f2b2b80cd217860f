//! Where what is known of addresses comes from; files and addresses change under way.

use jiff::Timestamp;

use super::{Surroundings, country, leg};

/// Country data, torrc files, consensuses and the host's addresses.
pub struct Sources {
    /// Countries and autonomous systems.
    pub places: country::Source,
    /// What tells legs.
    pub legs: leg::Source,
}

impl Sources {
    /// What they say now.
    #[must_use]
    pub fn current(&self) -> Surroundings {
        Surroundings {
            countries: self.places.current(),
            systems: self.places.systems(),
            legs: self.legs.current(),
        }
    }

    /// Reads again what has changed by `now`; `None` where that says nothing new. Damaged files
    /// are told of, and what they said before holds.
    pub fn refresh(&mut self, now: Timestamp) -> Option<Surroundings> {
        let places = self.places.refresh();
        let legs = self.legs.refresh(now);
        (places || legs).then(|| self.current())
    }
}
