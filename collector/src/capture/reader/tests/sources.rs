use std::{
    fs,
    path::{Path, PathBuf},
};

use super::*;
use crate::capture::reader::{Skipped, expand};

fn capture(packet: &[u8]) -> Vec<u8> {
    let len = u32::try_from(packet.len()).unwrap();
    Draft::pcap(Order::Little, MICROSECONDS, 1)
        .packet((1, 0), packet, len)
        .bytes
}

fn bytes(frames: &[Seen]) -> Vec<&[u8]> {
    frames.iter().map(|frame| &frame.bytes[..]).collect()
}

/// A folder with captures of every compression and with what is none.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("b.pcap", &capture(b"plain"));
    write("a", &gzip(&capture(b"gzip")));
    write("c.zst", &zstd(&capture(b"zstd")));
    write("B.pcap", &capture(b"upper case"));
    write(".hidden.pcap", &capture(b"hidden"));
    write("notes.txt", b"captured on a Sunday");
    write("notes.gz", &gzip(b"captured on a Sunday"));
    write("nothing", b"");
    fs::create_dir(folder.path().join("more")).unwrap();
    fs::write(folder.path().join("more/d.pcap"), capture(b"deeper")).unwrap();
    folder
}

#[test]
fn a_folder_stands_for_its_captures_in_the_order_of_their_bytes() {
    let folder = folder();
    let sources = expand(&[folder.path().to_path_buf()]).unwrap();
    let (seen, errors) = read(Captures::new(sources.captures));
    assert!(errors.is_empty());
    let expected: [&[u8]; 4] = [b"upper case", b"gzip", b"plain", b"zstd"];
    assert_eq!(bytes(&seen), expected);
    let path = |name| folder.path().join(name);
    let skipped = [
        Skipped::NoFile(path("more")),
        Skipped::NoCapture(path("notes.gz")),
        Skipped::NoCapture(path("notes.txt")),
        Skipped::NoCapture(path("nothing")),
    ];
    assert_eq!(sources.skipped, skipped);
    let warning = sources.skipped[0].to_string();
    assert!(warning.contains("more\" is passed over"), "{warning}");
}

#[test]
fn files_are_read_in_the_order_of_the_arguments_whatever_is_in_them() {
    let folder = folder();
    let arguments = ["c.zst", "notes.txt", "a", "c.zst"].map(|name| folder.path().join(name));
    let sources = expand(&arguments).unwrap();
    let (seen, errors) = read(Captures::new(sources.captures));
    let expected: [&[u8]; 3] = [b"zstd", b"gzip", b"zstd"];
    assert_eq!(bytes(&seen), expected);
    assert!(matches!(errors[0].damage, Damage::NoCapture));
    assert_eq!(errors[0].name, arguments[1].display().to_string());
}

#[test]
fn a_dash_is_standard_input() {
    let sources = expand(&[PathBuf::from("-")]).unwrap();
    let [stdin] = &sources.captures[..] else {
        panic!("one source");
    };
    assert_eq!((stdin.name(), stdin.size()), ("standard input", None));
    assert_eq!(stdin.file_name(), "stdin");
}

#[test]
fn an_output_is_named_after_the_file_without_its_folders() {
    let source = Source::file(PathBuf::from("some/where/a.pcap.gz"));
    assert_eq!(source.file_name(), "a.pcap.gz");
}

#[test]
fn an_argument_that_is_not_there_is_an_error_before_anything_is_read() {
    let Err(error) = expand(&[PathBuf::from("/no/such.pcap")]) else {
        panic!("found");
    };
    assert_eq!(
        error.to_string(),
        "/no/such.pcap can't be read: No such file or directory (os error 2); \
         check the path and its permissions"
    );
}

#[test]
fn a_file_that_went_away_is_an_error_of_that_file() {
    let (seen, errors) = read(Captures::new(vec![
        Source::file(PathBuf::from("/no/such.pcap")),
        Source::reader("next", Cursor::new(capture(b"x"))),
    ]));
    assert_eq!(bytes(&seen), [b"x"]);
    assert_eq!(
        errors[0].to_string(),
        "/no/such.pcap: can't be opened: No such file or directory (os error 2)"
    );
}

#[test]
fn progress_counts_stored_bytes_and_ends_at_the_total() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let size = |path: &Path| fs::metadata(path).unwrap().len();
    let arguments = ["a", "notes.txt", "c.zst"].map(path);
    let total: u64 = arguments.iter().map(|path| size(path)).sum();
    let mut captures = Captures::new(expand(&arguments).unwrap().captures);
    assert_eq!(
        (captures.bytes_read(), captures.total_bytes()),
        (0, Some(total))
    );
    assert!(matches!(captures.next(), Ok(Some(_))));
    assert_eq!(captures.bytes_read(), size(&arguments[0]));
    assert_eq!(
        captures.source(),
        Some(&*arguments[0].display().to_string())
    );
    while !matches!(captures.next(), Ok(None)) {}
    assert_eq!(captures.bytes_read(), total);
}

#[test]
fn without_every_length_there_is_no_total() {
    let captures = Captures::new(vec![Source::stdin()]);
    assert_eq!(captures.total_bytes(), None);
}

#[test]
fn members_and_frames_in_a_row_are_one_capture() {
    let capture = Draft::pcap(Order::Little, MICROSECONDS, 1)
        .packet((1, 0), b"first", 5)
        .packet((2, 0), b"second", 6)
        .bytes;
    for place in 0..capture.len() {
        let (first, second) = capture.split_at(place);
        for compress in [gzip, zstd] {
            let parts = [compress(first), compress(second)].concat();
            assert_eq!(
                bytes(&frames(&parts)),
                [&b"first"[..], b"second"],
                "{place}"
            );
        }
    }
}
