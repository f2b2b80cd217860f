//! What the targets share.

mod conversations;

use std::{env, fs, path::Path};

pub use conversations::conversations;

/// Folder that a target writes its seeds to before it begins; set by `cargo xtask fuzz`.
const FOLDER: &str = "COLLECTOR_SEEDS";

/// Writes what a target starts from. The target does so itself, because a program of its own would
/// build everything once more, without the fuzzer's flags.
///
/// # Panics
/// Where the folder can't be written.
pub fn write(seeds: &[Vec<u8>]) {
    let Some(folder) = env::var_os(FOLDER) else {
        return;
    };
    fs::create_dir_all(&folder).expect("the folder of the seeds can be made");
    for (number, seed) in seeds.iter().enumerate() {
        let path = Path::new(&folder).join(format!("seed-{number:03}"));
        fs::write(path, seed).expect("seeds can be written");
    }
}
