//! Noise of differential privacy: against the closed form of its distribution, against its promise,
//! and against OpenDP, which others have verified.

mod binomial;
mod draws;
mod released;

use std::{num::NonZeroU8, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use collector::{
    anonymize::{
        budget::Budget,
        noise::{DiscreteLaplace, Dp, KeyList},
    },
    sink::disk::LocalDisk,
};
use draws::{Draws, Event};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use serde_json::Value;

const DRAWS: usize = 1_000_000;

/// Noise of the scale `numerator / denominator`, the same for the same seed.
fn seeded(seed: u64, numerator: u32, denominator: u32) -> Result<impl Iterator<Item = i64>> {
    let part = |number: u32| u64::from(number).try_into();
    let laplace = DiscreteLaplace::new(part(numerator)?, part(denominator)?);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    Ok(std::iter::repeat_with(move || {
        let Ok(number) = laplace.sample(&mut rng);
        number
    }))
}

/// A release of `lists` lists of `cells` cells, each with the same count, as an agent makes it.
fn released(dp: Dp, lists: NonZeroU8, cells: usize, count: u64) -> Result<Vec<Draws>> {
    let folder = tempfile::tempdir()?;
    let budget = Budget::new(folder.path(), &"relay".parse()?);
    let grant = budget.spend("2026-11-22".parse()?, dp, LocalDisk)?;
    let mut noise = grant.noise(lists);
    let list = KeyList::all(0..cells);
    let one = |_| {
        let cells = noise.release(&list, (0..cells).map(|cell| (cell, count)))?;
        Ok(cells.into_iter().map(|(_, count)| count).collect())
    };
    (0..lists.get()).map(one).collect()
}

#[test]
fn draws_follow_the_closed_form() -> Result<()> {
    for (numerator, denominator) in [(10, 3), (1, 1), (1, 10), (7, 2), (20_000_000, 300_000)] {
        let draws: Draws = seeded(1, numerator, denominator)?.take(DRAWS).collect();
        let scale = f64::from(numerator) / f64::from(denominator);
        draws.follow(scale).with_context(|| scale.to_string())?;
    }
    Ok(())
}

#[test]
fn a_scale_that_is_two_hundredths_off_is_noticed() -> Result<()> {
    let draws: Draws = seeded(1, 10, 3)?.take(DRAWS).collect();
    assert!(draws.follow(10.0 / 3.0 * 1.02).is_err());
    assert!(draws.follow(10.0 / 3.0 / 1.02).is_err());
    Ok(())
}

#[test]
fn a_zero_that_comes_from_both_sides_is_noticed() -> Result<()> {
    // A distance from 0 and then a sign, which is the usual mistake.
    let distances = seeded(1, 10, 3)?.filter(|number| *number >= 0);
    let signed = distances.zip([1, -1].into_iter().cycle());
    let draws = signed.map(|(distance, sign)| distance * sign).take(DRAWS);
    let draws: Draws = draws.collect();
    assert!(draws.follow(10.0 / 3.0).is_err());
    Ok(())
}

#[test]
fn neighbours_stay_within_e_to_epsilon() -> Result<()> {
    for (epsilon, bound) in [(0.3_f64, 1_u8), (1.0, 1), (1.0, 3)] {
        let numerator = u32::from(bound) * 10;
        let denominator = (epsilon * 10.0).round() as u32;
        let with = seeded(2, numerator, denominator)?.take(DRAWS);
        let with: Draws = with.map(|noise| 7 + i64::from(bound) + noise).collect();
        let without = seeded(3, numerator, denominator)?.take(DRAWS);
        let without: Draws = without.map(|noise| 7 + noise).collect();
        with.within(epsilon.exp(), &without)?;
        without.within(epsilon.exp(), &with)?;
        // Bounds that are this near can tell.
        let less = (epsilon * 0.95).exp();
        assert!(with.within(less, &without).is_err());
        assert!(without.within(less, &with).is_err());
    }
    Ok(())
}

#[test]
fn released_counts_follow_the_closed_form_with_epsilon_split_over_the_lists() -> Result<()> {
    let dp = "epsilon=0.6,bound=2,period=day".parse()?;
    for lists in [1, 3] {
        let lists = NonZeroU8::new(lists).context("some")?;
        for draws in released(dp, lists, DRAWS / 5, 0)? {
            draws.follow(f64::from(lists.get()) * 2.0 / 0.6)?;
        }
    }
    Ok(())
}

#[test]
fn released_counts_of_neighbours_stay_within_e_to_epsilon() -> Result<()> {
    let dp = "epsilon=1,bound=1,period=day".parse()?;
    let released = |count| released(dp, NonZeroU8::MIN, DRAWS / 5, count);
    for (with, without) in released(8)?.iter().zip(&released(7)?) {
        with.within(1_f64.exp(), without)?;
        without.within(1_f64.exp(), with)?;
    }
    Ok(())
}

/// What OpenDP says of noise for this, and so many draws of it.
fn opendp(epsilon: &str, bound: &str, draws: usize) -> Result<Value> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = tests.join("../target/opendp/bin/python");
    let output = Command::new(python)
        .args(["-c", include_str!("opendp.py"), epsilon, bound])
        .arg(draws.to_string())
        .output()
        .context("OpenDP is missing; run `cargo xtask setup --tests`")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[test]
fn opendp_draws_the_same_and_promises_the_same() -> Result<()> {
    let scale = 10.0 / 3.0;
    let theirs = opendp("0.3", "1", DRAWS / 5)?;
    let promised = theirs["epsilon"].as_f64().context("epsilon")?;
    assert!((promised - 0.3).abs() < 1e-9, "{promised}");
    let reach = theirs["reach"].as_i64().context("reach")?;
    let beyond = |number| 2.0 * Event::AtLeast(number).chance(scale);
    assert!(
        beyond(reach) > 0.001 && beyond(reach + 1) <= 0.001,
        "{reach}"
    );

    let drawn = theirs["draws"].as_array().context("draws")?;
    let drawn: Option<Draws> = drawn.iter().map(Value::as_i64).collect();
    let drawn = drawn.context("whole numbers")?;
    let ours: Draws = seeded(4, 10, 3)?.take(DRAWS).collect();
    drawn.follow(scale)?;
    drawn.within(1.0, &ours)?;
    ours.within(1.0, &drawn)
}
