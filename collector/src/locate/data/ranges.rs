//! What is told of address ranges, as sorted columns: a look-up is a binary search, first among the
//! heads of blocks, which stay in the CPU's cache, then in one block.

use std::cmp::Reverse;

use collector_common::key::Address;

use crate::locate::reserved::Routed;

/// An address as a number: `u32` or `u128`.
pub(crate) trait Number: Copy + Ord + Default {
    /// The address after this one.
    fn next(self) -> Option<Self>;
    /// The address before this one.
    fn previous(self) -> Option<Self>;
}

impl Number for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn previous(self) -> Option<Self> {
        self.checked_sub(1)
    }
}

impl Number for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn previous(self) -> Option<Self> {
        self.checked_sub(1)
    }
}

/// Ranges of a block. A search for the block and one within it each meet few cache lines.
const BLOCK: usize = 64;

/// Ranges of one IP version. A value holds from its start to the next start; where nothing was told,
/// the default value holds. Equal neighbours are one.
#[derive(Debug)]
pub(crate) struct Column<T, V> {
    starts: Vec<T>,
    values: Vec<V>,
    /// Every [`BLOCK`]th start.
    heads: Vec<T>,
    /// The first address behind all ranges; `None`: there is none.
    free: Option<T>,
}

impl<T: Number, V> Default for Column<T, V> {
    fn default() -> Self {
        Self {
            starts: Vec::new(),
            values: Vec::new(),
            heads: Vec::new(),
            free: Some(T::default()),
        }
    }
}

impl<T: Number, V: Copy + PartialEq + Default> Column<T, V> {
    /// What was told of `address`.
    pub(crate) fn find(&self, address: T) -> V {
        if self.free.is_some_and(|free| address >= free) {
            return V::default();
        }
        let value = self.place(address).and_then(|place| self.values.get(place));
        value.copied().unwrap_or_default()
    }

    /// Where the last start is that does not come after `address`.
    fn place(&self, address: T) -> Option<usize> {
        let is_before = |start: &T| *start <= address;
        let block = self.heads.partition_point(is_before).checked_sub(1)?;
        let first = block * BLOCK;
        let last = self.starts.len().min(first + BLOCK);
        let within = self.starts.get(first..last)?.partition_point(is_before);
        (first + within).checked_sub(1)
    }

    /// Adds a range, its `end` included, behind all that are there.
    pub(crate) fn push(&mut self, start: T, end: T, value: V) -> Result<(), &'static str> {
        if start > end {
            return Err("the range ends before it starts");
        }
        if self.free.is_none_or(|free| start < free) {
            return Err("the range does not come after the one before");
        }
        self.fill((start, end, value));
        Ok(())
    }

    /// From networks in any order, of which the narrower ones hold within the wider, and the last
    /// of equal ones: as in a look-up of the longest prefix.
    pub(crate) fn nested(mut networks: Vec<(T, T, V)>) -> Self {
        networks.sort_by_key(|(start, end, _)| (*start, Reverse(*end)));
        let mut column = Self::default();
        let mut around: Vec<(T, T, V)> = Vec::new();
        for network @ (start, ..) in networks {
            while let Some(ended) = around.pop_if(|(_, end, _)| *end < start) {
                column.fill(ended);
            }
            if let (Some(wider), Some(before)) = (around.last(), start.previous()) {
                column.fill((wider.0, before, wider.2));
            }
            around.push(network);
        }
        while let Some(ended) = around.pop() {
            column.fill(ended);
        }
        column
    }

    /// The same ranges, of whose values `part` alone is kept.
    pub(crate) fn project<W: Copy + PartialEq + Default>(
        &self,
        part: impl Fn(V) -> W,
    ) -> Column<T, W> {
        let mut column = Column::default();
        for (start, value) in self.starts.iter().zip(&self.values) {
            column.set(*start, part(*value));
        }
        column.free = self.free;
        column
    }

    /// Adds what of a range is behind all that are there.
    fn fill(&mut self, (start, end, value): (T, T, V)) {
        let Some(free) = self.free else { return };
        let start = start.max(free);
        if start > end {
            return;
        }
        if start > free {
            self.set(free, V::default());
        }
        self.set(start, value);
        self.free = end.next();
    }

    fn set(&mut self, start: T, value: V) {
        if self.values.last() != Some(&value) {
            if self.starts.len().is_multiple_of(BLOCK) {
                self.heads.push(start);
            }
            self.starts.push(start);
            self.values.push(value);
        }
    }

    /// Whether any range tells such a thing.
    pub(crate) fn tells(&self, such: impl Fn(V) -> bool) -> bool {
        self.values.iter().any(|value| such(*value))
    }
}

/// Ranges of both IP versions.
#[derive(Debug)]
pub(crate) struct Ranges<V> {
    pub(crate) v4: Column<u32, V>,
    pub(crate) v6: Column<u128, V>,
}

impl<V> Default for Ranges<V> {
    fn default() -> Self {
        Self {
            v4: Column::default(),
            v6: Column::default(),
        }
    }
}

impl<V: Copy + PartialEq + Default> Ranges<V> {
    /// What was told of an address of IP `version` 4 or 6; `None` where it is at no place.
    pub(crate) fn find(&self, address: &Address, version: u8) -> Option<V> {
        match Routed::of(address, version)? {
            Routed::V4(address) => Some(self.v4.find(address)),
            Routed::V6(address) => Some(self.v6.find(address)),
        }
    }

    /// Whether any range tells such a thing.
    pub(crate) fn tells(&self, such: impl Fn(V) -> bool) -> bool {
        self.v4.tells(&such) || self.v6.tells(&such)
    }

    /// The same ranges, of whose values `part` alone is kept.
    pub(crate) fn project<W: Copy + PartialEq + Default>(
        &self,
        part: impl Fn(V) -> W,
    ) -> Ranges<W> {
        Ranges {
            v4: self.v4.project(&part),
            v6: self.v6.project(&part),
        }
    }

    /// How many ranges there are.
    pub(crate) fn len(&self) -> usize {
        self.v4.starts.len() + self.v6.starts.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_range_holds_from_its_first_to_its_last_address_and_the_default_between() {
        let mut column = Column::<u32, u8>::default();
        column.push(5, 9, 1).unwrap();
        column.push(10, 10, 1).unwrap();
        column.push(20, u32::MAX, 2).unwrap();
        let found = [0, 4, 5, 10, 11, 19, 20, u32::MAX].map(|address| column.find(address));
        assert_eq!(found, [0, 0, 1, 1, 0, 0, 2, 2]);
        assert_eq!(column.starts, [0, 5, 11, 20], "equal neighbours are one");
        assert!(column.push(u32::MAX, u32::MAX, 3).is_err());
    }

    #[test]
    fn ranges_come_in_order_and_the_right_way_round() {
        let mut column = Column::<u128, u8>::default();
        column.push(5, 9, 1).unwrap();
        assert!(column.push(9, 12, 1).unwrap_err().contains("after"));
        assert!(column.push(30, 29, 1).unwrap_err().contains("ends"));
        column.push(10, 12, 1).unwrap();
    }

    #[test]
    fn every_range_of_many_blocks_is_found() {
        let mut column = Column::<u32, u32>::default();
        for number in 1..1000 {
            column.push(number * 10, number * 10 + 5, number).unwrap();
        }
        for address in 0..10_010 {
            let number = if address % 10 <= 5 { address / 10 } else { 0 };
            let expected = if number < 1000 { number } else { 0 };
            assert_eq!(column.find(address), expected, "{address}");
        }
    }

    proptest! {
        #[test]
        fn of_nested_networks_the_narrowest_holds_and_of_equal_ones_the_last(
            networks in prop::collection::vec((any::<u8>(), 0u32..=8, 1u8..4), 0..40)
        ) {
            let networks: Vec<(u32, u32, u8)> = networks
                .into_iter()
                .map(|(address, bits, value)| {
                    let start = (u32::from(address) >> bits) << bits;
                    (start, start + (1 << bits) - 1, value)
                })
                .collect();
            let column = Column::nested(networks.clone());
            for address in 0..300 {
                let holding = networks
                    .iter()
                    .rev()
                    .filter(|(start, end, _)| (*start..=*end).contains(&address));
                let expected = holding.min_by_key(|(start, end, _)| end - start);
                let expected = expected.map_or(0, |(.., value)| *value);
                prop_assert_eq!(column.find(address), expected);
                let is_two = column.project(|value| value == 2).find(address);
                prop_assert_eq!(is_two, expected == 2);
            }
        }
    }
}
