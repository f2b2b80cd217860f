//! A stranger's code in a dissector: what it tries, and how that ends.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    process::{Child, Command},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use collector_tests::{binary::Home, privileges::root_or_skip};

use super::{OWN, Place};

/// As `collector::rights::planted` has them.
const MAGIC: &str = "PLANTED-HOOK";
const REPORT: &str = "planted.report";

/// What an intruder can still do: it is in the process, and that holds the meter's own things.
const STILL: [&str; 4] = [
    "write in the output folder",
    "list the output folder",
    "read a map that is held",
    "ask the opener for a file of its list",
];

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How each attempt ended in an agent that was started so.
fn attempts(arguments: &[&str]) -> Result<BTreeMap<String, String>> {
    let place = Place::new(Home::planted()?)?;
    let outside = place.home.join("outside");
    for path in [&outside, &outside.with_extension("gone")] {
        fs::write(path, "theirs")?;
        fs::set_permissions(path, PermissionsExt::from_mode(0o666))?;
    }
    let socket = place.home.join("socket");
    let _listener = UnixListener::bind(&socket)?;
    fs::set_permissions(&socket, PermissionsExt::from_mode(0o666))?;
    let other = Killed(Command::new("sleep").arg("1000").spawn()?);
    let running = place.start(arguments)?;
    let lines = [
        MAGIC.to_owned(),
        place.home.out().display().to_string(),
        outside.display().to_string(),
        socket.display().to_string(),
        other.0.id().to_string(),
        "/etc/passwd".to_owned(),
    ];
    place.send(lines.join("\n").as_bytes())?;
    let report = place.home.out().join(REPORT);
    let mut text = String::new();
    for _ in 0..600 {
        text = fs::read_to_string(&report).unwrap_or_default();
        if !text.is_empty() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let (status, log) = running.terminate()?;
    assert!(status.success(), "the meter goes on: {log}");
    let of_line = |line: &str| {
        let (name, end) = line.split_once(": ").context("a line of the report")?;
        Ok((name.to_owned(), end.to_owned()))
    };
    let attempts: BTreeMap<_, _> = text.lines().map(of_line).collect::<Result<_>>()?;
    assert!(attempts.len() > 25, "no report: {text}{log}");
    Ok(attempts)
}

#[test]
fn code_of_a_stranger_in_a_dissector_reaches_nothing_but_what_the_meter_holds() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    for (name, end) in attempts(&["--no-sandbox"])? {
        assert_eq!(
            end, "done",
            "{name}: an attempt that never works shows nothing"
        );
    }
    let own = OWN.to_string();
    for user in ["0", &own] {
        for (name, end) in attempts(&["--user", user])? {
            let is_denied = ["denied", "not permitted", "keeps it closed"]
                .iter()
                .any(|word| end.contains(word));
            let may = STILL.contains(&name.as_str());
            assert_eq!(end == "done", may, "user {user}: {name}: {end}");
            assert_eq!(is_denied, !may, "user {user}: {name}: {end}");
        }
    }
    Ok(())
}
