//! Captures of others, which are not in this repository.

use std::path::PathBuf;

use super::*;
use crate::capture::reader::expand;

/// `COLLECTOR_CORPUS`, or the folder beside the project.
fn corpus() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus");
    std::env::var_os("COLLECTOR_CORPUS").map_or_else(|| beside.into(), PathBuf::from)
}

#[test]
fn every_capture_of_the_corpus_is_read_to_its_end() {
    let folder = corpus().join("pcaps");
    if !folder.is_dir() {
        eprintln!(
            "SKIPPED: {} is not there; set COLLECTOR_CORPUS",
            folder.display()
        );
        return;
    }
    let sources = expand(&[folder]).unwrap();
    assert_eq!(sources.skipped, []);
    let number = sources.captures.len();
    let mut captures = Captures::new(sources.captures);
    let (mut packets, mut captured, mut unsupported) = (0_u64, 0, 0);
    while let Some(frame) = captures.next().unwrap() {
        packets += 1;
        captured += u64::from(frame.link_header) + frame.bytes.len() as u64;
        unsupported += u64::from(frame.link == FrameLink::Unsupported);
    }
    println!("{number} captures, {packets} packets, {captured} bytes");
    assert!(packets > number as u64);
    assert_eq!(unsupported, 0);
    assert_eq!(Some(captures.bytes_read()), captures.total_bytes());
}
