use proptest::{prelude::*, sample::Index};

use crate::capture::reader::fuzz::{captures, seeds};

#[test]
fn every_seed_is_read_alike_in_large_and_small_portions() {
    for seed in seeds() {
        captures(&seed);
    }
}

/// Found by the fuzzer: batches met the damage behind its bound, single frames did not.
#[test]
fn damage_behind_thousands_of_empty_packets_is_met_alike_by_frames_and_by_batches() {
    let header = [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    let snap_len_and_link = [0xff, 0xff, 0, 0, 1, 0, 0, 0];
    let mut capture = [header, [0; 8], snap_len_and_link].concat();
    for packets in 1_990..2_010 {
        capture.resize(24 + packets * 16, 0);
        captures(&capture);
        captures(&[capture.as_slice(), &[0; 9]].concat());
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
