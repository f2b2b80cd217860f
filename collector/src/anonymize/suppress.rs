//! Small numbers: kinds of fewer than k flows are told as a broader kind, the broadest as `other`.
//!
//! What is folded away must not come back by subtraction: where `other` itself would have fewer
//! than k flows, the smallest kind that is told joins it (secondary suppression). A table of two
//! dimensions is held to this by rows and by columns.

use std::collections::{BTreeMap, BTreeSet};

/// Something that is counted in flows and can be joined.
pub trait Cell: Default {
    /// Flows in it.
    fn flows(&self) -> u64;
    /// Adds `other`.
    fn join(&mut self, other: Self);
}

/// Tells no kind of fewer than `k` flows, except `other` where all flows together are fewer. The
/// sum stays what it was.
///
/// `broader` climbs from a kind towards `other` in a few steps: `None` is `other` itself.
pub fn fold<K: Ord + Clone, C: Cell>(
    mut cells: BTreeMap<K, C>,
    k: u64,
    other: &K,
    broader: impl Fn(&K) -> Option<K>,
) -> BTreeMap<K, C> {
    loop {
        let small: Vec<K> = cells
            .iter()
            .filter(|(key, cell)| *key != other && cell.flows() < k)
            .map(|(key, _)| key.clone())
            .collect();
        if small.is_empty() {
            break;
        }
        for key in small {
            let to = broader(&key).filter(|to| *to != key);
            join(&mut cells, &key, to.unwrap_or_else(|| other.clone()));
        }
    }
    let is_small = |cells: &BTreeMap<K, C>| cells.get(other).is_some_and(|rest| rest.flows() < k);
    while is_small(&cells) {
        // What has a broader kind beside it is told apart from that, not from `other`.
        let told = cells.iter().filter(|(key, _)| {
            *key != other && broader(key).is_none_or(|to| to == **key || !cells.contains_key(&to))
        });
        let Some(smallest) = told.min_by_key(|(_, cell)| cell.flows()) else {
            break;
        };
        let smallest = smallest.0.clone();
        join(&mut cells, &smallest, other.clone());
    }
    cells
}

fn join<K: Ord, C: Cell>(cells: &mut BTreeMap<K, C>, from: &K, to: K) {
    if let Some(cell) = cells.remove(from) {
        cells.entry(to).or_default().join(cell);
    }
}

/// Cells of a table whose row and column sums are told elsewhere: those that may be told. What is
/// left out of a row, and of a column, is nothing or at least `k` flows.
pub fn tellable<R: Ord + Clone, C: Ord + Clone>(
    cells: &BTreeMap<(R, C), u64>,
    k: u64,
) -> BTreeSet<(R, C)> {
    let mut table = Table::of(cells, k);
    while let Some(line) = table.open.pop_first() {
        if (1..k).contains(&table.left_out(&line)) {
            table.leave_out_smallest(&line);
        }
    }
    table.told
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Of<R, C> {
    Row(R),
    Column(C),
}

/// Cells, smallest first.
type BySize<R, C> = BTreeSet<(u64, (R, C))>;

struct Table<'a, R, C> {
    cells: &'a BTreeMap<(R, C), u64>,
    told: BTreeSet<(R, C)>,
    /// Told cells by line, smallest first.
    lines: BTreeMap<Of<R, C>, BySize<R, C>>,
    hidden: BTreeMap<Of<R, C>, u64>,
    /// Lines to look at.
    open: BTreeSet<Of<R, C>>,
}

impl<'a, R: Ord + Clone, C: Ord + Clone> Table<'a, R, C> {
    fn of(cells: &'a BTreeMap<(R, C), u64>, k: u64) -> Self {
        let mut table = Self {
            cells,
            told: BTreeSet::new(),
            lines: BTreeMap::new(),
            hidden: BTreeMap::new(),
            open: BTreeSet::new(),
        };
        for (key, flows) in cells {
            if *flows < k {
                table.hide(key, *flows);
                continue;
            }
            table.told.insert(key.clone());
            for line in lines_of(key) {
                let cells = table.lines.entry(line).or_default();
                cells.insert((*flows, key.clone()));
            }
        }
        table
    }

    fn left_out(&self, line: &Of<R, C>) -> u64 {
        self.hidden.get(line).copied().unwrap_or_default()
    }

    fn hide(&mut self, key: &(R, C), flows: u64) {
        for line in lines_of(key) {
            *self.hidden.entry(line.clone()).or_default() += flows;
            self.open.insert(line);
        }
    }

    fn leave_out_smallest(&mut self, line: &Of<R, C>) {
        let smallest = self.lines.get_mut(line).and_then(BTreeSet::pop_first);
        let Some((_, key)) = smallest else {
            return;
        };
        if self.told.remove(&key) {
            let flows = self.cells.get(&key).copied().unwrap_or_default();
            for line in lines_of(&key) {
                if let Some(cells) = self.lines.get_mut(&line) {
                    cells.remove(&(flows, key.clone()));
                }
            }
            self.hide(&key, flows);
        }
    }
}

fn lines_of<R: Clone, C: Clone>((row, column): &(R, C)) -> [Of<R, C>; 2] {
    [Of::Row(row.clone()), Of::Column(column.clone())]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Cell for u64 {
        fn flows(&self) -> u64 {
            *self
        }
        fn join(&mut self, other: Self) {
            *self += other;
        }
    }

    const K: u64 = 20;

    fn folded(cells: &[(&str, u64)]) -> Vec<(String, u64)> {
        let cells = cells.iter().map(|(key, flows)| ((*key).to_owned(), *flows));
        let broader = |key: &String| Some(key.split_once('.')?.0.to_owned());
        fold(cells.collect(), K, &"other".to_owned(), broader)
            .into_iter()
            .collect()
    }

    fn told(cells: &[(&str, u64)]) -> Vec<(String, u64)> {
        cells
            .iter()
            .map(|(key, flows)| ((*key).to_owned(), *flows))
            .collect()
    }

    #[test]
    fn a_small_kind_is_told_as_the_broader_one() {
        assert_eq!(
            folded(&[("TLS", 100), ("TLS.Rare", 3), ("TLS.Google", 50)]),
            told(&[("TLS", 103), ("TLS.Google", 50)])
        );
    }

    #[test]
    fn small_kinds_without_a_broader_one_are_other() {
        assert_eq!(
            folded(&[("SSH", 15), ("IRC.Chat", 6), ("TLS", 40)]),
            told(&[("TLS", 40), ("other", 21)])
        );
    }

    #[test]
    fn a_small_other_takes_the_smallest_kind_along() {
        assert_eq!(
            folded(&[("SSH", 3), ("HTTP", 30), ("TLS", 40)]),
            told(&[("TLS", 40), ("other", 33)])
        );
    }

    #[test]
    fn where_all_are_few_there_is_other_alone() {
        assert_eq!(folded(&[("SSH", 3), ("HTTP", 5)]), told(&[("other", 8)]));
    }

    #[test]
    fn a_cell_that_is_left_out_alone_takes_others_of_its_row_and_column_along() {
        let cells = BTreeMap::from([
            (("443", "DE"), 50),
            (("443", "US"), 90),
            (("443", "FR"), 3),
            (("80", "DE"), 40),
            (("80", "FR"), 60),
            (("80", "US"), 70),
        ]);
        let told = tellable(&cells, K);
        assert_eq!(
            told,
            BTreeSet::from([("443", "US"), ("80", "DE"), ("80", "US")])
        );
    }

    proptest! {
        #[test]
        fn sums_stay_and_nothing_small_is_told(
            cells in prop::collection::btree_map("[ab](\\.[cdef])?", 0..60u64, 0..12),
        ) {
            let before: u64 = cells.values().sum();
            let broader = |key: &String| Some(key.split_once('.')?.0.to_owned());
            let after = fold(cells, K, &"other".to_owned(), broader);
            prop_assert_eq!(after.values().sum::<u64>(), before);
            let all_few = after.len() == 1;
            for (key, flows) in &after {
                prop_assert!(*flows >= K || (all_few && key == "other"), "{key} {flows}");
            }
        }

        #[test]
        fn what_a_row_or_column_leaves_out_is_nothing_or_k_unless_it_is_all_of_it(
            cells in prop::collection::btree_map((0..5u8, 0..5u8), 1..60u64, 0..25),
        ) {
            let told = tellable(&cells, K);
            for line in 0..5u8 {
                for row in [true, false] {
                    let of = |key: &(u8, u8)| if row { key.0 } else { key.1 };
                    let mut hidden = 0;
                    let mut any_told = false;
                    for (key, flows) in cells.iter().filter(|(key, _)| of(key) == line) {
                        if told.contains(key) {
                            prop_assert!(*flows >= K);
                            any_told = true;
                        } else {
                            hidden += flows;
                        }
                    }
                    prop_assert!(hidden == 0 || hidden >= K || !any_told);
                }
            }
        }
    }
}
