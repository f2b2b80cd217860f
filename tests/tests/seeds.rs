//! What fuzzing starts from, and what it has found, through the same bodies: without its tools, so
//! that every run sees it. A file in `fuzz/seeds/NAME` is read as `cargo xtask fuzz NAME` would.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};
use collector::{capture, fuzz, inspect};

/// The body of a target or a family, by its name.
fn body(name: &str) -> Result<Box<dyn Fn(&[u8])>> {
    let name = name.to_owned();
    Ok(match name.as_str() {
        "parser" => Box::new(collector_common::fuzz::packet_path),
        "reader" => Box::new(capture::reader::fuzz::captures),
        _ if inspect::fuzz::families().any(|family| family == name) => {
            Box::new(move |data| inspect::fuzz::family(&name, data))
        }
        _ if fuzz::families().any(|family| family == name) => {
            Box::new(move |data| fuzz::reader(&name, data))
        }
        _ => bail!("fuzz/seeds/{name} is of no target"),
    })
}

fn seeds() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds")
}

#[test]
fn every_kept_input_is_read_without_a_panic() -> Result<()> {
    let mut inputs = 0;
    for folder in fs::read_dir(seeds())? {
        let folder = folder?.path();
        let name = folder.file_name().context("a name")?.to_string_lossy();
        let body = body(&name)?;
        for file in fs::read_dir(&folder)? {
            let path = file?.path();
            println!("{}", path.display());
            body(&fs::read(&path)?);
            inputs += 1;
        }
    }
    assert!(inputs > 0, "no seeds");
    Ok(())
}

#[test]
fn no_cut_of_a_seed_makes_its_reader_panic() -> Result<()> {
    for name in fuzz::families() {
        let folder = seeds().join(name);
        let files = fs::read_dir(&folder).with_context(|| format!("no seeds of {name}"))?;
        for file in files {
            let data = fs::read(file?.path())?;
            for cut in (0..data.len()).step_by(1 + data.len() / 64) {
                fuzz::reader(name, &data[..cut]);
            }
        }
    }
    Ok(())
}

#[test]
fn what_targets_make_for_themselves_is_read_without_a_panic() {
    for seed in collector_common::fuzz::seeds() {
        collector_common::fuzz::packet_path(&seed);
    }
    for seed in capture::reader::fuzz::seeds() {
        capture::reader::fuzz::captures(&seed);
    }
}
