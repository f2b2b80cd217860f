//! What fuzzing starts from, and what it has found, through the same bodies: without its tools, so
//! that every run sees it. A file in `fuzz/seeds/NAME` is read as `cargo xtask fuzz NAME` would.

use std::{fs, panic, path::Path};

use anyhow::{Context, Result, bail};
use collector::{capture, fuzz, inspect};
use fastrand::Rng;

type Body = Box<dyn Fn(&[u8])>;

/// The body of a target or a family, by its name.
fn body(name: &str) -> Result<Body> {
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

/// What a number in a text is changed to.
const NUMBERS: [&str; 6] = [
    "0",
    "-1",
    "4294967296",
    "18446744073709551615",
    "-9223372036854775808",
    "1e999",
];

/// A few changes, as a fuzzer would make them, and numbers at the ends of their ranges.
fn changed(seed: &[u8], random: &mut Rng) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..random.usize(1..4) {
        let place = random.usize(..=data.len());
        match random.u8(..4) {
            0 => data.insert(place, random.u8(..)),
            1 => data.truncate(place.max(1)),
            2 => change_number(&mut data, place, random),
            _ => {
                if let Some(byte) = data.get_mut(place) {
                    *byte = random.u8(..);
                }
            }
        }
    }
    data
}

/// The first number behind `place`.
fn change_number(data: &mut Vec<u8>, place: usize, random: &mut Rng) {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let Some(from) = data[place..].iter().position(is_digit) else {
        return;
    };
    let from = place + from;
    let length = data[from..]
        .iter()
        .take_while(|byte| is_digit(byte))
        .count();
    let number = random.choice(NUMBERS).expect("there are some");
    data.splice(from..from + length, number.bytes());
}

#[test]
fn no_small_change_to_a_seed_makes_its_reader_panic() -> Result<()> {
    let full = std::env::var("COLLECTOR_FULL").is_ok_and(|value| value == "1");
    let rounds = if full { 20_000 } else { 400 };
    let mut random = Rng::with_seed(7);
    for name in fuzz::families() {
        for file in fs::read_dir(seeds().join(name))? {
            let path = file?.path();
            let seed = fs::read(&path)?;
            for _ in 0..rounds {
                let data = changed(&seed, &mut random);
                let read = panic::catch_unwind(|| fuzz::reader(name, &data));
                if read.is_err() {
                    let kept = std::env::temp_dir().join(format!("{name}-{}", random.u32(..)));
                    fs::write(&kept, &data)?;
                    bail!("{}: broken by {}", path.display(), kept.display());
                }
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
