//! User agents that were sanitised before: few are sent by most clients.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashMap;

/// Most that are kept, each of at most 200 bytes. Whoever sends more different ones makes them be
/// sanitised again, which is the work that there would be without.
const MOST: usize = 4096;

/// What [`super::sanitised`] said of user agents that came lately. Of the raw texts it keeps only
/// hashes, keyed by chance, so that nobody can choose two that are taken for each other.
#[derive(Debug, Default)]
pub struct Agents {
    keys: RandomState,
    known: HashMap<u64, Option<Box<str>>>,
}

impl Agents {
    /// The same as [`super::sanitised`].
    pub fn sanitised(&mut self, raw: &str) -> Option<String> {
        let hash = self.keys.hash_one(raw);
        if self.known.len() >= MOST && !self.known.contains_key(&hash) {
            self.known.clear();
        }
        let known = self.known.entry(hash);
        let said = known.or_insert_with(|| super::sanitised(raw).map(String::into_boxed_str));
        said.as_deref().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_sanitised_before_is_told_as_if_it_came_anew(
            raws in prop::collection::vec("[A-Z]?[a-z]{0,4}(/[0-9.]{1,11})?( \\([a-z;:/. 0-9]{0,20}\\))?", 1..40),
        ) {
            let mut agents = Agents::default();
            for raw in raws.iter().chain(&raws) {
                prop_assert_eq!(agents.sanitised(raw), super::super::sanitised(raw));
            }
        }
    }

    #[test]
    fn however_many_are_sent_a_bounded_number_is_kept() {
        let mut agents = Agents::default();
        for number in 0..2 * MOST {
            let raw = format!("Client-{}x", number);
            assert_eq!(agents.sanitised(&raw), super::super::sanitised(&raw));
            assert!(agents.known.len() <= MOST);
        }
    }
}
