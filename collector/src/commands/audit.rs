//! `collector audit`.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, ensure};
use collector_common::schema::Level;
use serde::Serialize;
use tracing::warn;

use super::{FAILURE, USAGE, fail};
use crate::{
    audit::{
        Audited, Fault, What, audit,
        places::{self, Place},
    },
    cli,
};

pub(super) fn execute(args: &cli::Audit) -> ExitCode {
    let plan = match Plan::of(&args.files) {
        Ok(plan) => plan,
        Err(error) => return fail(&error, USAGE),
    };
    let summary = plan.audit(args.faults);
    match summary.print(args.json) {
        Err(error) => fail(&error, FAILURE),
        Ok(()) if summary.is_clean() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(FAILURE),
    }
}

/// What is to be read, in the order in which it was named.
#[derive(Default)]
struct Plan {
    inputs: Vec<Input>,
    skipped: Vec<Skipped>,
}

enum Input {
    Stdin,
    File(PathBuf),
    /// Not for others, but named; or nothing that a meter writes.
    Refused(PathBuf, &'static str),
}

/// In a folder that was named, and not read.
#[derive(Serialize)]
struct Skipped {
    file: String,
    why: &'static str,
}

const UNKNOWN: &str = "no file of a meter, so nothing is known of it: move it away";
const FOLDER: &str = "folders in folders are not entered: name it to have it read";

impl Plan {
    fn of(named: &[PathBuf]) -> anyhow::Result<Self> {
        let mut plan = Self::default();
        for path in named {
            if path.as_os_str() == "-" {
                plan.inputs.push(Input::Stdin);
                continue;
            }
            let wrong = || {
                let path = path.display();
                format!("{path} can't be read; check the path and its permissions")
            };
            if fs::metadata(path).with_context(wrong)?.is_dir() {
                plan.add_folder(path).with_context(wrong)?;
            } else {
                plan.inputs.push(match Place::of(path) {
                    Place::Own(why) => Input::Refused(path.clone(), why),
                    // Whatever it is called: it was named.
                    Place::Closed | Place::Unknown => Input::File(path.clone()),
                });
            }
        }
        ensure!(
            !plan.inputs.is_empty(),
            "there is no closed file in what is named"
        );
        Ok(plan)
    }

    fn add_folder(&mut self, folder: &Path) -> io::Result<()> {
        let (files, folders) = places::files(folder)?;
        for path in files {
            match Place::of(&path) {
                Place::Own(why) => self.skip(&path, why),
                // A pipe would be waited for.
                Place::Closed if path.is_file() => self.inputs.push(Input::File(path)),
                _ => self.inputs.push(Input::Refused(path, UNKNOWN)),
            }
        }
        folders.iter().for_each(|path| self.skip(path, FOLDER));
        Ok(())
    }

    fn skip(&mut self, path: &Path, why: &'static str) {
        let file = name(path);
        self.skipped.push(Skipped { file, why });
    }

    fn audit(self, most: usize) -> Summary {
        let mut summary = Summary {
            skipped: self.skipped,
            ..Summary::default()
        };
        let mut open = Vec::new();
        for input in self.inputs {
            let (file, audited) = input.audit(most);
            summary.add(file, audited);
            open.extend(input.into_path());
        }
        open.retain(|path| places::is_open_to_others(path));
        if let Some(first) = open.first() {
            warn!(
                "files that others than their owner can read: {}, as {}; a meter makes them with \
                 mode 0600",
                open.len(),
                name(first)
            );
        }
        summary
    }
}

impl Input {
    fn into_path(self) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(path),
            Self::Stdin | Self::Refused(..) => None,
        }
    }

    fn audit(&self, most: usize) -> (String, Audited) {
        let read = |file: io::Result<File>| match file {
            Ok(file) => audit(file, most),
            Err(error) => Audited::failed(error.into()),
        };
        match self {
            Self::Stdin => ("standard input".to_owned(), stdin(most)),
            Self::File(path) => (name(path), read(File::open(path))),
            Self::Refused(path, why) => (name(path), Audited::failed(What::Refused(why))),
        }
    }
}

fn stdin(most: usize) -> Audited {
    let bytes: &mut dyn Read = &mut io::stdin().lock();
    audit(bytes, most)
}

/// A path for a terminal: names of files come from strangers, too.
fn name(path: &Path) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    path.display().to_string().chars().map(shown).collect()
}

/// Sums over all files.
#[derive(Default, Serialize)]
struct Summary {
    files: u64,
    lines: u64,
    fields: u64,
    /// Lines by level, then type.
    levels: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    faults: u64,
    /// Files with faults.
    faulty: Vec<Faulty>,
    skipped: Vec<Skipped>,
}

#[derive(Serialize)]
struct Faulty {
    file: String,
    faults: Vec<Fault>,
    /// Beyond these.
    more: u64,
}

impl Summary {
    fn add(&mut self, file: String, audited: Audited) {
        self.files += 1;
        self.lines += audited.lines;
        self.fields += audited.fields;
        for ((level, kind), lines) in &audited.kinds {
            let kinds = self.levels.entry(Level::as_str(*level)).or_default();
            *kinds.entry(kind).or_default() += lines;
        }
        if !audited.is_clean() {
            let Audited { faults, more, .. } = audited;
            self.faults += faults.len() as u64 + more;
            self.faulty.push(Faulty { file, faults, more });
        }
    }

    fn is_clean(&self) -> bool {
        self.faulty.is_empty()
    }

    fn print(&self, json: bool) -> anyhow::Result<()> {
        let text = if json {
            serde_json::to_string(self)?
        } else {
            self.text()?
        };
        super::print(&text)
    }

    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        for Faulty { file, faults, more } in &self.faulty {
            for Fault { line, field, what } in faults {
                match line {
                    0 => writeln!(out, "{file}: {what}")?,
                    line => writeln!(out, "{file}:{line}: {field}: {what}")?,
                }
            }
            if *more > 0 {
                writeln!(out, "{file}: and {more} more")?;
            }
        }
        for Skipped { file, why } in &self.skipped {
            writeln!(out, "{file} is passed over: {why}")?;
        }
        let Self {
            files,
            lines,
            fields,
            faults,
            ..
        } = self;
        writeln!(out, "{files} files, {lines} lines, {fields} fields")?;
        for (level, kinds) in &self.levels {
            let kinds = kinds.iter().map(|(kind, lines)| format!("{lines} {kind}"));
            let kinds: Vec<String> = kinds.collect();
            writeln!(out, "  {level}: {}", kinds.join(", "))?;
        }
        match faults {
            0 => writeln!(out, "no faults")?,
            _ => writeln!(out, "{faults} faults: let nobody have these files")?,
        }
        Ok(out)
    }
}
