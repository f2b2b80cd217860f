//! What a hostile torrc is held to.

use super::{Torrc, lines::Lines};
use crate::fuzz::Scratch;

/// Ends a file, where the input stands for several.
const NEXT_FILE: u8 = 0x1e;
/// Stands for the folder of the files: only there may an include look.
const FOLDER: char = '\u{1f}';

/// As a torrc and the files that it includes: `torrc`, then `1`, `2` and so on.
pub(crate) fn torrc(data: &[u8]) {
    lines(&String::from_utf8_lossy(data));
    let scratch = Scratch::new();
    let folder = format!("{}/", scratch.path().display());
    let files = data.split(|byte| *byte == NEXT_FILE).take(8);
    for (number, file) in files.enumerate() {
        // Devices and endless folders of the machine are none of the fuzzer's.
        let text = String::from_utf8_lossy(file).replace(['/', '\\', '.'], "_");
        let text = text.replace(FOLDER, &folder);
        let name = number.to_string();
        let name = if number == 0 { "torrc" } else { &name };
        scratch.file(name, text.as_bytes());
    }
    let path = scratch.path().join("torrc");
    let once = Torrc::read(&path, scratch.path());
    let again = Torrc::read(&path, scratch.path());
    assert_eq!(once.is_ok(), again.is_ok());
    assert_eq!(once.ok(), again.ok());
}

/// Each line is understood or told by its number.
fn lines(text: &str) {
    let most = text.split('\n').count() as u64;
    for line in Lines::of(text) {
        let number = match line {
            Ok(line) => line.number,
            Err((number, _)) => number,
        };
        assert!((1..=most).contains(&number));
    }
}
