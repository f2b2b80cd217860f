//! How fresh what is known of the network is.

use collector_common::schema::Nickname;
use jiff::{SignedDuration, Timestamp};

/// What is known of the network to one relay, or from one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The relay whose folder it is.
    pub relay: Option<Nickname>,
    /// `None`: there is no consensus.
    pub known: Option<Known>,
}

/// A consensus that is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// How many relays it lists.
    pub relays: u32,
    /// Since when it holds.
    pub valid_after: Option<Timestamp>,
    /// From then on tor should have a newer one.
    pub valid_until: Option<Timestamp>,
}

impl Known {
    /// How old it is; `None` where it has no date.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        Some(now.duration_since(self.valid_after?))
    }

    /// Whether tor should have a newer one.
    #[must_use]
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.valid_until.is_some_and(|until| until < now)
    }
}
