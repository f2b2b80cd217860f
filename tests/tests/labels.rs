//! Labels beside what others say of the same flows: the scorer's floors, and the truth of a Tor
//! network of our own.

use std::{ffi::OsString, fs, path::Path, process::Command};

use anyhow::{Context, Result, bail, ensure};
use collector::{
    capture::{
        reader::{Captures, Sources, expand},
        replay::{Replay, ReplayConfig},
        unprotected::{Unprotect, UnprotectedFile},
    },
    inspect::Method,
};
use collector_tests::{
    captures::{self, Held},
    privileges::say,
    replayed::replay,
    tornet::{self, Told},
};
use serde_json::Value;

/// Measures of the scorer for TCP, and what each must reach. `docs/dpi.md` says what keeps the
/// master averages below NFStream's: mostly labels by address alone.
const TCP: &[(&str, f64)] = &[
    ("label_accuracy_capped", 0.971),
    ("master_micro_f1", 0.989),
    ("master_macro_f1", 0.950),
    ("category_accuracy", 0.989),
];
/// The same for all transports.
const ALL: &[(&str, f64)] = &[
    ("label_accuracy_capped", 0.952),
    ("master_macro_f1", 0.946),
    ("user_agent_http_exact", 0.992),
    ("content_type_exact", 0.990),
    ("guessed_flag_precision", 0.98),
    ("guessed_flag_recall", 0.90),
];

/// Every capture of `corpus` into `out`, a line each flow, as the scorer reads it.
fn replay_each(corpus: &Path, out: &Path) -> Result<()> {
    let Sources { captures, .. } = expand(&[corpus.join("pcaps")])?;
    for capture in captures {
        let mut name = OsString::from(capture.file_name());
        name.push(".ndjson");
        let packed = out.join("packed.zst");
        let mut captures = Captures::new(vec![capture]);
        let file = UnprotectedFile::create(&packed)?;
        let mut replay = Replay::new(ReplayConfig::default(), Unprotect, file);
        // The damaged ones among them are scored as far as they go.
        while let Ok(Some(frame)) = captures.next() {
            replay.frame(&frame)?;
        }
        replay.finish()?.1.finish()?;
        let lines = zstd::decode_all(fs::File::open(&packed)?)?;
        fs::write(out.join(name), lines)?;
        fs::remove_file(&packed)?;
    }
    Ok(())
}

/// The scorer's numbers.
fn score(corpus: &Path, got: &Path, more: &[&str]) -> Result<Value> {
    let json = got.join("score.json");
    let scored = Command::new("python3")
        .arg(corpus.join("score.py"))
        .args(["--quiet", "--truth"])
        .arg(corpus.join("truth"))
        .arg("--got")
        .arg(got)
        .arg("--json")
        .arg(&json)
        .args(more)
        .output()
        .context("python3 runs the scorer; install it")?;
    ensure!(
        scored.status.success(),
        "the scorer failed: {}",
        String::from_utf8_lossy(&scored.stderr)
    );
    Ok(serde_json::from_slice(&fs::read(&json)?)?)
}

fn hold(scope: &str, score: &Value, floors: &[(&str, f64)]) -> Result<Vec<String>> {
    let mut below = Vec::new();
    for (measure, floor) in floors {
        let number = find(score, measure).with_context(|| format!("no {measure}"))?;
        say(&format!("{scope}: {measure} {number:.4}, floor {floor}"));
        if number < *floor {
            below.push(format!("{scope}: {measure} {number:.4} is below {floor}"));
        }
    }
    Ok(below)
}

/// The measure, wherever in its report the scorer has it.
fn find(score: &Value, measure: &str) -> Option<f64> {
    let Value::Object(fields) = score else {
        return None;
    };
    let own = fields.get(measure).and_then(Value::as_f64);
    own.or_else(|| fields.values().find_map(|value| find(value, measure)))
}

#[test]
fn labels_reach_the_floors_of_the_scorer() -> Result<()> {
    let Some(corpus) = captures::corpus() else {
        return Ok(());
    };
    let out = tempfile::tempdir()?;
    replay_each(&corpus, out.path())?;
    let mut below = hold("all", &score(&corpus, out.path(), &[])?, ALL)?;
    let tcp = score(&corpus, out.path(), &["--l4", "tcp"])?;
    below.extend(hold("tcp", &tcp, TCP)?);
    assert!(below.is_empty(), "{below:#?}");
    Ok(())
}

/// The labels that what was spoken may get; `None` where nobody answered, so that a port may speak.
fn expected(told: &Told) -> Result<Option<&'static [&'static str]>> {
    let word = told.spoken.split(' ').next().unwrap_or_default();
    Ok(Some(match (told.class.as_str(), word) {
        ("tor-or", _) | (_, "TLS") => &["TLS"],
        ("tor-dir", _) | (_, "http") => &["HTTP"],
        ("dns", _) => &["DNS"],
        (_, "ssh") => &["SSH"],
        // The truth does not tell which sessions turned to TLS.
        (_, "smtp") => &["SMTP", "SMTPS"],
        (_, "xmpp") => &["Jabber"],
        (_, "irc") => &["IRC"],
        (_, "bittorrent") => &["BitTorrent"],
        (_, "refused" | "no") => return Ok(None),
        (class, word) => bail!("{class} {word}: not known"),
    }))
}

#[test]
fn every_flow_of_the_tor_exit_gets_the_label_of_what_was_spoken() -> Result<()> {
    let Some(folder) = captures::tornet() else {
        return Ok(());
    };
    let capture = captures::read(&folder.join("exit.pcap"))?;
    let frames = capture.frames.iter().map(Held::frame);
    let (_, records) = replay(ReplayConfig::default(), frames)?;
    let truth = tornet::truth(&folder.join("flows.tsv"))?;
    let mut named = 0;
    for told in &truth {
        let ends = (told.flow.transport.as_str(), told.flow.ports);
        let of_flow = |record: &&collector::record::Record| tornet::ends(record) == Some(ends);
        for record in records.iter().filter(of_flow) {
            let inspection = &record.inspection;
            match expected(told)? {
                Some(labels) => {
                    named += 1;
                    let label = inspection.label;
                    assert!(labels.contains(&label.master), "{label} for {told:?}");
                    assert!(!inspection.guessed, "{told:?}");
                }
                None => assert!(
                    matches!(inspection.method, Method::Port | Method::None),
                    "{told:?}"
                ),
            }
        }
    }
    assert!(named >= truth.len() / 2, "{named} of {}", truth.len());
    Ok(())
}
