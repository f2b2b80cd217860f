//! What an operator does wrong: one line that says what to do, the right exit code, never a panic.
//! And what a right start leaves behind: nothing but files.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use collector::live::Status;
use collector_tests::{
    binary::{Home, assert_fails},
    frames::Path,
    link::{IpVersion, VethPair},
    netns::Namespace,
    privileges::root_or_skip,
    raw_socket::RawSocket,
};
use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};

/// Wrong usage.
const USAGE: i32 = 2;
/// A failure at run time.
const FAILURE: i32 = 1;
const SMALL: [&str; 2] = ["--table-size", "1024"];

/// A namespace with one end of a quiet wire, and folders.
struct Place {
    home: Home,
    namespace: Namespace,
    _far: Namespace,
}

impl Place {
    fn new() -> Result<Self> {
        let (namespace, far) = (Namespace::new("near")?, Namespace::new("far")?);
        VethPair::between(&namespace, &far)?;
        Ok(Self {
            home: Home::new()?,
            namespace,
            _far: far,
        })
    }

    /// `collector run` on the wire with a small table.
    fn run(&self) -> Command {
        let mut run = self.home.command(&self.namespace, "run");
        run.args(SMALL).args(["--iface", "wire"]);
        run
    }

    fn command(&self, command: &str, arguments: &[&str]) -> Command {
        let mut collector = self.home.command(&self.namespace, command);
        collector.args(arguments);
        collector
    }
}

#[test]
fn wrong_flags_and_values_are_usage_errors() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let cases: [(&[&str], &[&str]); 9] = [
        (&["--no-such-flag"], &["--no-such-flag"]),
        (&["--ingress", "generic"], &["generic", "--ingress"]),
        (&["--table-size", "7"], &["--table-size", "16"]),
        (&["--table-size", "many"], &["many", "--table-size"]),
        (&["--late-ring", "5000"], &["--late-ring", "power of two"]),
        (&["--linger", "0"], &["--linger", "86400"]),
        (&["--exclude", "host.example"], &["--exclude", "IP address"]),
        (&["--node", "a/b"], &["--node"]),
        (&["--log", "collector=loud"], &["--log"]),
    ];
    for (arguments, words) in cases {
        let mut run = place.command("run", &["--iface", "wire"]);
        assert_fails(run.args(arguments), USAGE, words)?;
    }
    assert_fails(&mut place.command("run", &[]), USAGE, &["--iface"])?;
    assert!(place.home.pinned().is_empty() && !place.home.out().exists());
    Ok(())
}

#[test]
fn a_wrong_configuration_is_a_usage_error_that_helps() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let cases: [(&str, &[&str]); 4] = [
        ("tabel-size = 1024", &["tabel-size", "`table-size`"]),
        ("table-size = \"many\"", &["config.toml", "`table-size`"]),
        ("linger = 3\ntable-size = ", &["config.toml", "line 2"]),
        ("linger = 0", &["--linger"]),
    ];
    let file = place.home.join("config.toml");
    for (text, words) in cases {
        fs::write(&file, text)?;
        let mut run = place.command("run", &["--iface", "wire", "--config"]);
        assert_fails(run.arg(&file), USAGE, words)?;
    }
    fs::remove_file(&file)?;
    let mut run = place.command("run", &["--iface", "wire", "--config"]);
    assert_fails(run.arg(&file), USAGE, &["config.toml", "No such file"])
}

#[test]
fn interfaces_that_cannot_be_metered_are_named() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let run = |interfaces: &[&str]| {
        let flags = interfaces.iter().flat_map(|name| ["--iface", name]);
        let arguments: Vec<_> = flags.chain(SMALL).collect();
        place.command("run", &arguments)
    };
    assert_fails(&mut run(&["nosuch0"]), FAILURE, &["nosuch0"])?;
    assert_fails(&mut run(&["wire", "wire"]), FAILURE, &["wire"])?;
    place.namespace.ip("link add bridge0 type bridge")?;
    place.namespace.ip("link set wire master bridge0")?;
    assert_fails(
        &mut run(&["wire", "bridge0"]),
        FAILURE,
        &["wire", "bridge0"],
    )?;
    place.namespace.ip("link set wire nomaster")?;
    let child = "link add link wire name child0 type";
    let kinds = ["vlan id 7", "macvlan", "ipvlan"];
    let mut made = kinds
        .iter()
        .map(|kind| place.namespace.ip(&format!("{child} {kind}")));
    // A small kernel may have none of them.
    if made.any(|made| made.is_ok()) {
        assert_fails(&mut run(&["wire", "child0"]), FAILURE, &["wire", "child0"])?;
    }
    assert!(place.home.pinned().is_empty());
    Ok(())
}

#[test]
fn without_rights_one_line_says_which_are_missing() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    // Folders of its own, so that the kernel is what refuses.
    for folder in ["run", "out"] {
        fs::create_dir(place.home.join(folder))?;
        std::os::unix::fs::chown(place.home.join(folder), Some(65_534), Some(65_534))?;
    }
    fs::set_permissions(place.home.join(""), PermissionsExt::from_mode(0o755))?;
    let program = place.run();
    let mut nobody = place.namespace.command("setpriv");
    nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    let copy = place.home.join("collector");
    fs::copy(program.get_program(), &copy)?;
    nobody.arg(copy).args(program.get_args()).arg("--no-pin");
    assert_fails(&mut nobody, FAILURE, &["root"])
}

#[test]
fn an_output_folder_that_cannot_be_written_stops_the_start_and_leaves_nothing() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    fs::write(place.home.out(), "a file")?;
    assert_fails(&mut place.run(), FAILURE, &["out"])?;
    assert!(place.home.pinned().is_empty());
    assert_eq!(
        place
            .namespace
            .command("tc")
            .args(["filter", "show", "dev", "wire", "ingress"])
            .output()?
            .stdout,
        b""
    );
    Ok(())
}

#[test]
fn a_named_country_file_must_be_there_and_the_packaged_one_may_be_absent() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let absent = place.home.join("absent");
    let mut run = place.run();
    assert_fails(
        run.arg("--geoip").arg(absent),
        USAGE,
        &["--geoip", "absent"],
    )?;
    if std::path::Path::new("/usr/share/tor/geoip").exists() {
        return Ok(());
    }
    let running = place.home.start(&place.namespace, &["--iface", "wire"])?;
    let (status, log) = running.terminate()?;
    assert!(status.success(), "{log}");
    assert!(log.contains("WARN") && log.contains("tor-geoipdb"), "{log}");
    Ok(())
}

#[test]
fn a_second_agent_is_refused_with_the_number_of_the_first() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let running = place
        .home
        .start(&place.namespace, &["--iface", "wire", SMALL[0], SMALL[1]])?;
    let number = running.id().to_string();
    assert_fails(&mut place.run(), FAILURE, &[&number, "wire"])?;
    let mut detach = place.command("detach", &["--iface", "wire"]);
    assert_fails(&mut detach, FAILURE, &[&number, "wire"])?;
    assert!(place.home.status()?.balance.holds(), "the first goes on");
    assert!(running.terminate()?.0.success());
    Ok(())
}

#[test]
fn status_prints_parses_and_without_an_agent_fails() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    assert_fails(&mut place.command("status", &[]), FAILURE, &["no agent"])?;
    let running = place
        .home
        .start(&place.namespace, &["--iface", "wire", SMALL[0], SMALL[1]])?;
    let output = place.command("status", &[]).output()?;
    let text = String::from_utf8(output.stdout)?;
    assert!(
        output.status.success() && text.contains("books hold"),
        "{text}"
    );
    let output = place
        .command("status", &["--iface", "wire", "--json"])
        .output()?;
    let status: Status = serde_json::from_slice(&output.stdout)?;
    assert_eq!(status.interfaces, ["wire"]);
    let socket = fs::read_dir(place.home.join("run"))?.flatten();
    let modes = socket.map(|entry| entry.metadata().map(|data| data.mode() & 0o777));
    assert!(modes.flatten().all(|mode| mode == 0o600));
    assert!(running.terminate()?.0.success());
    assert_fails(&mut place.command("status", &[]), FAILURE, &["no agent"])
}

#[test]
fn a_clean_stop_leaves_one_private_file_and_nothing_in_the_kernel() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let running = place
        .home
        .start(&place.namespace, &["--iface", "wire", SMALL[0], SMALL[1]])?;
    assert!(!place.home.pinned().is_empty());
    let pins = fs::read_dir(place.home.pins())?
        .flatten()
        .next()
        .expect("a folder");
    assert_eq!(pins.metadata()?.mode() & 0o777, 0o700);
    let frame = Path::example(IpVersion::V4).udp(b"one packet");
    RawSocket::bind(&place.namespace, "wire")?.send(&frame)?;
    let (status, log) = running.terminate()?;
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(
        log.contains("everything written") && !log.contains(" ERROR "),
        "{log}"
    );
    assert!(!log.contains("192.0.2."), "an address in the log: {log}");
    assert_eq!(
        (place.home.files().len(), place.home.spools().len()),
        (1, 0)
    );
    assert_eq!(fs::metadata(&place.home.files()[0])?.mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(place.home.out())?.mode() & 0o777, 0o700);
    assert!(place.home.pinned().is_empty());
    assert_eq!(
        fs::read_dir(place.home.pins()).map_or(0, Iterator::count),
        0
    );
    let hooks = place
        .namespace
        .command("bpftool")
        .args(["net", "show", "dev", "wire"])
        .output()?;
    assert!(!String::from_utf8_lossy(&hooks.stdout).contains("meter_"));
    Ok(())
}

#[test]
fn an_agent_whose_status_socket_cannot_be_made_leaves_nothing_attached() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let arguments = [&SMALL[..], &["--iface", "wire"]].concat();
    let running = place.home.start(&place.namespace, &arguments)?;
    let in_run = fs::read_dir(place.home.join("run"))?;
    let mut paths = in_run.flatten().map(|entry| entry.path());
    let socket = paths.find(|path| path.extension().is_some_and(|end| end == "sock"));
    running.terminate()?;
    fs::create_dir(socket.context("the agent's socket")?)?;
    assert_fails(&mut place.run(), FAILURE, &["listening on"])?;
    assert!(place.home.pinned().is_empty());
    Ok(())
}

#[test]
fn a_signal_during_the_start_leaves_nothing_attached() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let mut agent = place.run().stderr(Stdio::null()).spawn()?;
    // The first pin is there long before the last program is loaded.
    while place.home.pinned().is_empty() && agent.try_wait()?.is_none() {
        thread::sleep(Duration::from_millis(1));
    }
    signal::kill(Pid::from_raw(agent.id().cast_signed()), Signal::SIGTERM)?;
    assert_eq!(agent.wait()?.code(), Some(0));
    assert!(place.home.pinned().is_empty());
    Ok(())
}
