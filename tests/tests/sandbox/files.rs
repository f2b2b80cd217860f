//! Files of others, which come through the opener.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
};

use anyhow::{Context, Result};
use collector_tests::{binary::Home, privileges::root_or_skip};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{DAC_READ_SEARCH, OWN, Place, assert_confined, of_each_thread, with_these_alone};

/// Whom a relay's files belong to.
const TOR: u32 = 47_111;

const ONE: &str = "valid-after 2026-11-22 15:00:00\nvalid-until 2026-11-22 18:00:00\n\
    r other i 2026-11-22 15:00:00 192.0.2.21 9001 0\n";
const TWO: &str = "valid-after 2026-11-22 16:00:00\nvalid-until 2026-11-22 19:00:00\n\
    r other i 2026-11-22 15:00:00 192.0.2.22 9001 0\nr more i d t 192.0.2.23 9001 0\n";

/// As tor writes it: beside its place, its own alone, then renamed.
fn write_as_tor(data: &Path, text: &str) -> Result<()> {
    let new = data.join("cached-microdesc-consensus.tmp");
    fs::write(&new, text)?;
    fs::set_permissions(&new, PermissionsExt::from_mode(0o600))?;
    chown(&new, Some(TOR), Some(TOR))?;
    Ok(fs::rename(new, data.join("cached-microdesc-consensus"))?)
}

fn data_directory(place: &Place) -> Result<std::path::PathBuf> {
    let data = place.home.join("data");
    fs::create_dir(&data)?;
    fs::set_permissions(&data, PermissionsExt::from_mode(0o700))?;
    chown(&data, Some(TOR), Some(TOR))?;
    write_as_tor(&data, ONE)?;
    Ok(data)
}

/// The opener of the agent with this number.
fn opener(agent: u32) -> Result<u32> {
    let children = fs::read_to_string(format!("/proc/{agent}/task/{agent}/children"))?;
    Ok(children.trim().parse()?)
}

#[test]
fn a_consensus_that_tor_replaces_is_read_within_a_minute_by_a_user_who_may_not() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new(Home::new()?)?;
    let data = data_directory(&place)?;
    let data_flag = data.to_string_lossy();
    let running = place.start(&["--user", &OWN.to_string(), "--data-dir", &data_flag])?;
    let opener = opener(running.id())?;
    assert_eq!(
        of_each_thread(opener, "CapEff")?,
        [format!("{DAC_READ_SEARCH:016x}")]
    );
    assert_eq!(of_each_thread(opener, "Seccomp")?, ["2"]);
    assert_confined(running.id(), OWN, 0)?;
    let relays = |status: &collector::live::Status| {
        status.consensus.iter().filter_map(|one| one.relays).max()
    };
    place.status_where(|status| relays(status) == Some(1))?;
    write_as_tor(&data, TWO)?;
    place.status_where(|status| relays(status) == Some(2))?;
    let (status, log) = running.terminate()?;
    assert!(status.success(), "{log}");
    Ok(())
}

#[test]
fn a_data_directory_that_only_a_torrc_names_is_told_with_the_flag_that_helps() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new(Home::new()?)?;
    let data = data_directory(&place)?;
    let torrc = place.home.join("torrc");
    let beside = place.home.join("torrc.d");
    fs::create_dir(&beside)?;
    fs::write(beside.join("name"), "Nickname included\n")?;
    let text = format!(
        "ORPort 9001\n%include {}/*\nDataDirectory {}\n",
        beside.display(),
        data.display()
    );
    fs::write(&torrc, text)?;
    let torrc = torrc.to_string_lossy();
    let running = place.start(&["--user", &OWN.to_string(), "--torrc", &torrc])?;
    let node = place.home.status()?.header.node;
    let (_, log) = running.terminate()?;
    assert_eq!(node, "included");
    assert!(log.contains("WARN") && log.contains("--data-dir"), "{log}");
    Ok(())
}

#[test]
fn without_the_right_to_read_all_the_agent_says_so_and_reads_what_its_user_may() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let mut home = Home::new()?;
    chown(home.join(""), Some(OWN), Some(OWN))?;
    let starter = with_these_alone(OWN, "bpf net_admin perfmon");
    home.started_by(&starter.iter().map(String::as_str).collect::<Vec<_>>());
    let place = Place::new(home)?;
    let data = data_directory(&place)?;
    let running = place.start(&["--data-dir", &data.to_string_lossy()])?;
    let status = place.home.status()?;
    assert!(!status.rights.opener_reads_all);
    assert!(status.consensus.iter().all(|one| one.relays.is_none()));
    let (status, log) = running.terminate()?;
    assert!(
        status.success() && log.contains("Permission denied"),
        "{log}"
    );
    Ok(())
}

#[test]
fn an_agent_whose_opener_ends_ends_too_with_its_reason_and_the_next_takes_over() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new(Home::new()?)?;
    let running = place.start(&[])?;
    let opener = Pid::from_raw(opener(running.id())?.cast_signed());
    // A Ctrl-C reaches it, too, and is for the agent.
    kill(opener, Signal::SIGINT)?;
    place.send(b"one")?;
    place.status_where(|status| status.seen["ingress"].packets == 1)?;
    kill(opener, Signal::SIGKILL)?;
    let (status, log) = running.end()?;
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("start it again"), "{log}");
    place.send(b"two")?;
    let next = place.start(&[])?;
    let (status, log) = next.terminate()?;
    assert!(status.success() && log.contains("seen_packets=2 "), "{log}");
    Ok(())
}

#[test]
fn the_opener_ends_with_an_agent_that_is_killed() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new(Home::new()?)?;
    let running = place.start(&[])?;
    let opener = opener(running.id()).context("an opener")?;
    running.kill()?;
    for _ in 0..600 {
        if !Path::new(&format!("/proc/{opener}")).exists() {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    anyhow::bail!("the opener outlives its agent")
}
