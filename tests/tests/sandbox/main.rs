//! What a running agent may still do: as its own user, with nothing but what it started with, and
//! with a stranger's code inside.

mod files;
mod planted;

use std::{fs, os::unix::fs::PermissionsExt, thread, time::Duration};

use anyhow::{Context, Result};
use collector::live::Status;
use collector_tests::{
    binary::{Home, Running},
    frames::Path,
    link::{IpVersion, VethPair},
    netns::Namespace,
    privileges::root_or_skip,
    raw_socket::RawSocket,
};

/// A user whom the system need not know.
const OWN: u32 = 47_110;
/// What `run` is to be told in each test.
const SMALL: [&str; 4] = ["--table-size", "1024", "--iface", "wire"];

/// A wire with an agent's folders.
struct Place {
    home: Home,
    near: Namespace,
    far: Namespace,
}

impl Place {
    fn new(home: Home) -> Result<Self> {
        // Reached by the agent's own user.
        fs::set_permissions(home.join(""), PermissionsExt::from_mode(0o755))?;
        let (near, far) = (Namespace::new("near")?, Namespace::new("far")?);
        VethPair::between(&near, &far)?;
        Ok(Self { home, near, far })
    }

    fn start(&self, arguments: &[&str]) -> Result<Running> {
        let arguments = [&SMALL[..], arguments].concat();
        self.home.start(&self.near, &arguments)
    }

    fn send(&self, payload: &[u8]) -> Result<()> {
        let frame = Path::example(IpVersion::V4).udp(payload);
        RawSocket::bind(&self.far, "wire")?.send(&frame)
    }

    /// The first status of which `is_so` holds.
    fn status_where(&self, is_so: impl Fn(&Status) -> bool) -> Result<Status> {
        for _ in 0..120 {
            let status = self.home.status()?;
            if is_so(&status) {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(500));
        }
        anyhow::bail!(
            "it does not come true: {}",
            serde_json::to_string(&self.home.status()?)?
        )
    }
}

/// The line `name` of /proc/PID/status, of each thread.
fn of_each_thread(process: u32, name: &str) -> Result<Vec<String>> {
    let threads = fs::read_dir(format!("/proc/{process}/task"))?.flatten();
    let line = |thread: fs::DirEntry| {
        let text = fs::read_to_string(thread.path().join("status"))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let line = line.with_context(|| name.to_owned())?;
        Ok(line
            .trim_start_matches(':')
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "))
    };
    threads.map(line).collect()
}

/// Each thread has given everything up but `kept`, a mask of capabilities.
fn assert_confined(process: u32, uid: u32, kept: u64) -> Result<()> {
    let kept = format!("{kept:016x}");
    let uids = [
        uid.to_string(),
        uid.to_string(),
        uid.to_string(),
        uid.to_string(),
    ]
    .join(" ");
    let none = "0".repeat(16);
    for (name, wanted) in [
        ("Uid", &uids),
        ("CapEff", &kept),
        ("CapPrm", &kept),
        ("CapInh", &none),
        ("CapAmb", &none),
        ("NoNewPrivs", &"1".to_owned()),
        ("Seccomp", &"2".to_owned()),
    ] {
        let found = of_each_thread(process, name)?;
        assert!(found.len() > 1, "the lookout has a thread of its own");
        assert!(
            found.iter().all(|one| one == wanted),
            "{name}: {found:?}, not {wanted}"
        );
    }
    Ok(())
}

const NET_ADMIN: u64 = 1 << 12;
const DAC_READ_SEARCH: u64 = 1 << 2;

/// The arguments of setpriv(1) that leave a user nothing but what the meter needs.
fn with_these_alone(user: u32, capabilities: &str) -> Vec<String> {
    let given: Vec<_> = capabilities
        .split(' ')
        .map(|one| format!("+{one}"))
        .collect();
    let given = given.join(",");
    let user = user.to_string();
    let mut words = vec![
        "setpriv",
        "--reuid",
        &user,
        "--regid",
        &user,
        "--clear-groups",
    ];
    let bounding = format!("-all,{given}");
    words.extend(["--bounding-set", &bounding, "--inh-caps", &bounding]);
    if user != "0" {
        words.extend(["--ambient-caps", &bounding]);
    }
    words.push("--");
    words.into_iter().map(str::to_owned).collect()
}

/// What the meter is documented to need.
const NEEDED: &str = "bpf net_admin perfmon dac_read_search";

#[test]
fn three_capabilities_are_enough_and_none_is_left_on_any_hook_for_root_and_others() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let hooks = [
        (&["--tc", "tcx"][..], 0),
        (&["--tc", "clsact"], NET_ADMIN),
        (&["--ingress", "xdp"], 0),
    ];
    for user in [0, OWN] {
        for (hook, kept) in hooks {
            let mut home = Home::new()?;
            std::os::unix::fs::chown(home.join(""), Some(user), Some(user))?;
            let starter = with_these_alone(user, NEEDED);
            home.started_by(&starter.iter().map(String::as_str).collect::<Vec<_>>());
            let place = Place::new(home)?;
            let running = place.start(hook)?;
            assert_confined(running.id(), user, kept)?;
            let status = place.home.status()?;
            assert_eq!(
                (status.rights.uid, status.rights.landlock.is_some()),
                (user, true)
            );
            assert_eq!(status.rights.capabilities.len(), kept.count_ones() as usize);
            place.send(b"counted")?;
            let (status, log) = running.terminate()?;
            assert!(status.success(), "{user} {hook:?}: {log}");
            assert!(log.contains("written_packets=1 "), "{user} {hook:?}: {log}");
            assert_eq!(
                (place.home.files().len(), place.home.pinned().len()),
                (1, 0)
            );
        }
    }
    Ok(())
}

#[test]
fn an_agent_of_its_own_user_is_taken_over_after_a_kill_by_one_from_root_and_from_that_user()
-> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let mut home = Home::new()?;
    std::os::unix::fs::chown(home.join(""), Some(OWN), Some(OWN))?;
    let mut place = Place::new(Home::new()?)?;
    std::mem::swap(&mut place.home, &mut home);
    fs::set_permissions(place.home.join(""), PermissionsExt::from_mode(0o755))?;
    let own = OWN.to_string();
    let first = place.start(&["--user", &own])?;
    place.send(b"one")?;
    place.status_where(|status| status.seen["ingress"].packets == 1)?;
    first.kill()?;
    place.send(b"two")?;
    let second = place.start(&["--user", &own])?;
    assert_confined(second.id(), OWN, 0)?;
    second.kill()?;
    place.send(b"three")?;
    let starter = with_these_alone(OWN, NEEDED);
    place
        .home
        .started_by(&starter.iter().map(String::as_str).collect::<Vec<_>>());
    let third = place.start(&[])?;
    assert_confined(third.id(), OWN, 0)?;
    let (status, log) = third.terminate()?;
    assert!(status.success() && log.contains("seen_packets=3 "), "{log}");
    assert!(place.home.pinned().is_empty());
    Ok(())
}

#[test]
fn an_output_folder_of_somebody_else_is_refused_and_nothing_stays_attached() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new(Home::new()?)?;
    fs::create_dir(place.home.out())?;
    std::os::unix::fs::chown(place.home.out(), Some(OWN), Some(OWN))?;
    let mut run = place.home.command(&place.near, "run");
    run.args(SMALL);
    collector_tests::binary::assert_fails(&mut run, 1, &["--user 47110", "out"])?;
    assert!(place.home.pinned().is_empty());
    Ok(())
}

#[test]
fn without_a_sandbox_log_and_status_say_so_loudly() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new(Home::new()?)?;
    let running = place.start(&["--no-sandbox"])?;
    assert!(!place.home.status()?.rights.sandbox);
    let mut status = place.home.command(&place.near, "status");
    let told = String::from_utf8(status.output()?.stdout)?;
    assert!(told.contains("NO SANDBOX"), "{told}");
    let (_, log) = running.terminate()?;
    assert!(log.contains("WARN") && log.contains("NO SANDBOX"), "{log}");
    Ok(())
}
