use proptest::{prelude::*, sample::Index};

use crate::capture::reader::fuzz::{captures, seeds};

#[test]
fn every_seed_is_read_alike_in_large_and_small_portions() {
    for seed in seeds() {
        captures(&seed);
    }
}

proptest! {
    #[test]
    fn random_bytes_come_to_an_end(
        magic in proptest::sample::select(seeds()),
        random in proptest::collection::vec(any::<u8>(), 0..2000)
    ) {
        captures(&[&magic[..4], &random].concat());
        captures(&random);
    }

    #[test]
    fn changed_captures_come_to_an_end(
        mut seed in proptest::sample::select(seeds()),
        changes in proptest::collection::vec(any::<(Index, u8)>(), 1..6),
        cut in any::<Index>(),
        repeated in any::<Index>(),
    ) {
        for (place, byte) in changes {
            *place.get_mut(&mut seed) = byte;
        }
        captures(&seed[..cut.index(seed.len())]);
        let again = seed[repeated.index(seed.len())..].to_vec();
        captures(&[seed, again].concat());
    }
}
