//! The parts of a test run.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::runner;
use crate::{
    build,
    caller::Caller,
    command, setup,
    workspace::{Profile, Workspace},
};

/// What every part is given.
pub(super) struct Work<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) caller: &'a Caller,
    /// More rounds of what takes long.
    pub(super) full: bool,
}

/// One line of the table.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) about: &'static str,
    /// Parts without which this one makes no sense.
    pub(super) needs: &'static [&'static str],
    pub(super) run: fn(&Part, &Work<'_>) -> Result<()>,
}

/// Name, what it does, what it needs, how it runs.
type Row = (
    &'static str,
    &'static str,
    &'static [&'static str],
    fn(&Part, &Work<'_>) -> Result<()>,
);

/// In this order. The kernel object comes before everything that compiles the agent, which
/// embeds it and would be compiled twice.
const PARTS: &[Row] = &[
    ("fmt", "formatting", &[], fmt),
    ("build", "kernel programs and release agent", &[], build),
    ("clippy", "lints", &[], clippy),
    ("deny", "licences, bans, sources of dependencies", &[], deny),
    ("unit", "unit tests of every crate", &[], unit),
    ("fuzz", "fuzzing targets compile", &["build"], fuzz),
    (
        "packages",
        "the tests' peers (Debian packages, PyPI) and /sys/fs/bpf",
        &[],
        peers,
    ),
    (
        "helpers",
        "unit tests of the test helpers",
        &["build"],
        helpers,
    ),
];

/// The table above, then one part for each file in `tests/tests`.
pub(super) fn all(workspace: &Workspace) -> Result<Vec<Part>> {
    let fixed = PARTS.iter().map(|&(name, about, needs, run)| Part {
        name: name.to_owned(),
        about,
        needs,
        run,
    });
    let across = test_targets(&workspace.root.join("tests/tests"))?;
    let across = across.into_iter().map(|name| Part {
        name,
        about: "tests across crates, with kernel programs (as root)",
        needs: &["build", "packages"],
        run: across_crates,
    });
    Ok(fixed.chain(across).collect())
}

/// The named parts and what they need, in the table's order; all when none is named.
pub(super) fn choose(parts: Vec<Part>, names: &[String]) -> Result<Vec<Part>, String> {
    let known = |name: &str| parts.iter().find(|part| part.name == name);
    let mut wanted: Vec<&str> = Vec::new();
    for name in names {
        let part = known(name).ok_or_else(|| {
            let all: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
            format!("no part `{name}`; there are: {}", all.join(", "))
        })?;
        wanted.push(&part.name);
        wanted.extend(part.needs);
    }
    let wanted: Vec<String> = wanted.into_iter().map(str::to_owned).collect();
    let is_wanted = |part: &Part| wanted.is_empty() || wanted.contains(&part.name);
    Ok(parts.into_iter().filter(is_wanted).collect())
}

/// Names of cargo's test targets in a folder, sorted: `NAME.rs` and `NAME/main.rs`.
fn test_targets(folder: &Path) -> Result<Vec<String>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.context("reading the tests' folder")?.path();
        let is_target =
            path.extension().is_some_and(|end| end == "rs") || path.join("main.rs").exists();
        if let (true, Some(name)) = (is_target, path.file_stem().and_then(|name| name.to_str())) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn fmt(_: &Part, work: &Work<'_>) -> Result<()> {
    cargo(work, &["fmt", "--all", "--check"]).context("run `cargo fmt --all`")
}

fn build(_: &Part, work: &Work<'_>) -> Result<()> {
    build::all(Profile::Release, work.workspace, work.caller)
}

fn clippy(_: &Part, work: &Work<'_>) -> Result<()> {
    cargo(work, &["clippy", "--all-targets", "--", "-D", "warnings"])
}

fn deny(_: &Part, work: &Work<'_>) -> Result<()> {
    setup::for_deny(work.workspace, work.caller)?;
    let mut deny = work.caller.command(work.workspace.tool("cargo-deny"));
    deny.current_dir(&work.workspace.root);
    // Not advisories: CONTRIBUTING.md says why.
    deny.args(["check", "licenses", "bans", "sources"]);
    command::run(&mut deny)
}

fn unit(_: &Part, work: &Work<'_>) -> Result<()> {
    cargo(
        work,
        &[
            "test",
            "--workspace",
            "--exclude=collector-ebpf",
            "--exclude=collector-tests",
        ],
    )
}

/// Types alone: neither the fuzzer's runtime, which is C++, nor its sanitizer.
fn fuzz(_: &Part, work: &Work<'_>) -> Result<()> {
    let workspace = work.workspace;
    let mut cargo = work.caller.cargo(&workspace.root.join("fuzz"));
    cargo
        .args(["check", "--quiet", "--target-dir"])
        .arg(workspace.target.join("fuzz-check"))
        .env("CUSTOM_LIBFUZZER_PATH", "/nonexistent/libfuzzer.a");
    command::run(&mut cargo)
}

fn peers(_: &Part, work: &Work<'_>) -> Result<()> {
    setup::for_peers(work.workspace, work.caller)
}

fn helpers(_: &Part, work: &Work<'_>) -> Result<()> {
    runner::test(work, &["--lib", "--bins"])
}

fn across_crates(part: &Part, work: &Work<'_>) -> Result<()> {
    runner::test(work, &["--test", &part.name])
}

fn cargo(work: &Work<'_>, arguments: &[&str]) -> Result<()> {
    command::run(work.caller.cargo(&work.workspace.root).args(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(parts: &[Part]) -> Vec<&str> {
        parts.iter().map(|part| part.name.as_str()).collect()
    }

    fn part(name: &str, needs: &'static [&'static str]) -> Part {
        Part {
            name: name.to_owned(),
            about: "",
            needs,
            run: fmt,
        }
    }

    #[test]
    fn a_chosen_part_brings_what_it_needs_in_order() {
        let parts = vec![
            part("fmt", &[]),
            part("build", &[]),
            part("kernel", &["build"]),
        ];
        let chosen = choose(parts, &["kernel".to_owned()]).unwrap();
        assert_eq!(names(&chosen), ["build", "kernel"]);
    }

    #[test]
    fn without_names_every_part_is_chosen() {
        let chosen = choose(vec![part("fmt", &[]), part("unit", &[])], &[]).unwrap();
        assert_eq!(names(&chosen), ["fmt", "unit"]);
    }

    #[test]
    fn an_unknown_part_is_answered_with_the_known_ones() {
        let Err(message) = choose(vec![part("fmt", &[])], &["format".to_owned()]) else {
            panic!("accepted");
        };
        assert_eq!(message, "no part `format`; there are: fmt");
    }

    #[test]
    fn test_targets_are_files_and_folders_with_a_main() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("kernel.rs"), "").unwrap();
        fs::write(folder.path().join("notes.md"), "").unwrap();
        fs::create_dir_all(folder.path().join("crash")).unwrap();
        fs::write(folder.path().join("crash/main.rs"), "").unwrap();
        fs::create_dir_all(folder.path().join("data")).unwrap();
        assert_eq!(test_targets(folder.path()).unwrap(), ["crash", "kernel"]);
        assert!(
            test_targets(&folder.path().join("none"))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn what_a_part_needs_stands_before_it() {
        for (index, (name, _, needs, _)) in PARTS.iter().enumerate() {
            for need in *needs {
                assert!(
                    PARTS[..index].iter().any(|row| row.0 == *need),
                    "{name}: {need}"
                );
            }
        }
    }
}
