//! Writes what a target starts from into a folder: `seeds TARGET FOLDER`.

use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [target, folder] = &arguments[..] else {
        return Err("usage: seeds TARGET FOLDER".into());
    };
    let seeds = match target.as_str() {
        "parser" => collector_common::fuzz::seeds(),
        _ => return Err(format!("no target `{target}`").into()),
    };
    fs::create_dir_all(folder)?;
    for (index, seed) in seeds.iter().enumerate() {
        fs::write(Path::new(folder).join(format!("seed-{index:03}")), seed)?;
    }
    Ok(())
}
