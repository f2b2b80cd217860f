//! The shipped program as those see it who watch: the status socket, the terminal view, a reader of
//! metrics, the service manager.

use std::{
    env, fs,
    io::{Read, Write},
    net::UdpSocket,
    os::unix::net::{UnixDatagram, UnixStream},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use collector::{
    live::{ask_glance, only_socket},
    watching::{health::Glance, view::By},
};
use collector_tests::{
    binary::{Home, Running, assert_fails, program},
    link::{IpVersion, VethPair},
    netns::Namespace,
    privileges::root_or_skip,
};

/// Where the metrics page is, in the namespace.
const METRICS: &str = "127.0.0.1:9155";
const PATIENCE: Duration = Duration::from_secs(30);
/// At level thesis counters of traffic advance by the minute.
const A_MINUTE: Duration = Duration::from_secs(75);
/// More than k.
const FLOWS: u64 = 30;
const PORT: u16 = 53;

struct Place {
    home: Home,
    near: Namespace,
    _far: Namespace,
    pair: VethPair,
}

impl Place {
    fn new() -> Result<Self> {
        let (near, far) = (Namespace::new("near")?, Namespace::new("far")?);
        let pair = VethPair::between(&near, &far)?;
        let home = Home::new()?;
        Ok(Self {
            home,
            near,
            _far: far,
            pair,
        })
    }

    fn run(&self) -> Command {
        let mut run = self.home.command(&self.near, "run");
        run.args(["--iface", "wire", "--table-size", "1024"]);
        run.args(["--idle-timeout", "1", "--privacy", "thesis"]);
        run.args(["--metrics", METRICS]);
        run
    }

    fn start(&self) -> Result<Running> {
        self.home.start_as(&mut self.run())
    }

    /// Datagrams of [`FLOWS`] flows to port 53 of the far end.
    fn talk(&self) -> Result<()> {
        let _inside = self.near.enter()?;
        let far = (self.pair.b.address(IpVersion::V4), PORT);
        for _ in 0..FLOWS {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            for _ in 0..6 {
                socket.send_to(b"counted", far)?;
            }
        }
        Ok(())
    }

    fn glance(&self) -> Result<Glance> {
        ask_glance(&only_socket(&self.home.join("run"))?)
    }

    /// The page as Prometheus' own reader has it: a line a number.
    fn page(&self) -> Result<String> {
        let python = env::current_dir()?.join("../target/prometheus/bin/python");
        let target = env::var_os("CARGO_TARGET_DIR").map(std::path::PathBuf::from);
        let python = target.map_or(python, |target| target.join("prometheus/bin/python"));
        let mut reader = self.near.command(&python.to_string_lossy());
        let output = reader.args(["-c", READER, METRICS]).output()?;
        let said = String::from_utf8(output.stdout)?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{error}");
        Ok(said)
    }
}

const READER: &str = r"
import sys, urllib.request
from prometheus_client.openmetrics import parser
answer = urllib.request.urlopen('http://' + sys.argv[1] + '/metrics', timeout=10)
assert answer.headers['Content-Type'].startswith('application/openmetrics-text; version=1.0.0')
for family in parser.text_string_to_metric_families(answer.read().decode()):
    assert family.documentation, family.name
    for sample in family.samples:
        print(family.type, sample.name, sorted(sample.labels.items()), sample.value)
";

/// Waits until `seen` gives something.
fn wait<T>(patience: Duration, what: &str, mut seen: impl FnMut() -> Option<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(seen) = seen() {
            return Ok(seen);
        }
        ensure!(start.elapsed() < patience, "{what} did not come");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn the_terminal_view_shows_what_ended() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let running = place.start()?;
    place.talk()?;
    let glance = wait(PATIENCE, "the end of all flows", || {
        let glance = place.glance().ok()?;
        let ports = glance.traffic.get(&By::Port)?;
        let port = ports.iter().find(|row| row.name == PORT.to_string())?;
        (port.total.flows >= FLOWS).then_some(glance)
    })?;
    let sent: u64 = glance.rates.iter().map(|rates| rates.packets[1]).sum();
    assert!(sent > 0 && glance.health.table.size == 1024);
    assert!(glance.health.process.resident_bytes > 1 << 20);
    let output = place
        .home
        .command(&place.near, "top")
        .arg("--once")
        .output()?;
    let frame = String::from_utf8(output.stdout)?;
    println!("{frame}");
    assert!(
        output.status.success() && frame.contains("on wire"),
        "{frame}"
    );
    assert!(frame.lines().any(|line| line.contains("53  ")), "{frame}");
    let status = place.home.status()?;
    assert_eq!(status.health.table.now, status.live_flows);
    running.terminate()?;
    assert_fails(
        place.home.command(&place.near, "top").arg("--once"),
        1,
        &["no agent"],
    )
}

/// `collector top` on a terminal of its own, told `keys`; what the terminal got.
fn on_a_terminal(place: &Place, keys: &[u8]) -> Result<Output> {
    let collector = program().get_program().to_string_lossy().into_owned();
    let top = format!(
        "stty rows 24 columns 80 && {collector} top --run-dir {}",
        place.home.join("run").display()
    );
    let mut script = place.near.command("script");
    script.args(["--quiet", "--return", "--command", &top, "/dev/null"]);
    script.env("TERM", "xterm");
    let piped = script.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.stderr(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().context("a pipe")?;
    // It reads keys once it shows something.
    thread::sleep(Duration::from_secs(2));
    input.write_all(keys)?;
    drop(input);
    Ok(child.wait_with_output()?)
}

#[test]
fn the_terminal_is_as_before_after_a_key_and_after_an_interrupt() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let _running = place.start()?;
    for keys in [&b"3?q"[..], b"\x03"] {
        let output = on_a_terminal(&place, keys)?;
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{:?} {shown}", output.status);
        let (enter, leave) = ("\x1b[?1049h", "\x1b[?1049l");
        assert!(shown.find(enter) < shown.rfind(leave), "{shown:?}");
        assert!(shown.contains("packets:"), "{shown:?}");
    }
    Ok(())
}

#[test]
fn the_metrics_page_is_read_by_prometheus_own_reader() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let running = place.start()?;
    place.talk()?;
    let sent = |page: &str| {
        let line = "counter collector_seen_packets_total [('hook', 'egress')] ";
        let number = page.lines().find_map(|it| it.strip_prefix(line))?;
        number.parse::<f64>().ok()
    };
    let page = wait(PATIENCE, "what was sent", || {
        let page = place.page().ok()?;
        (sent(&page)? >= 180.0).then_some(page)
    })?;
    for number in [
        "info collector_build_info [('version', '",
        "gauge collector_table_limit_flows [] 1024",
        "counter collector_unmetered_bytes_total [('reason', 'malformed')] 0",
        "gauge collector_ring_limit_bytes [('ring', 'late')] 4194304",
        "gauge process_resident_memory_bytes [] ",
        "counter process_cpu_seconds_total [] ",
    ] {
        assert!(
            page.lines().any(|line| line.starts_with(number)),
            "{number}? {page}"
        );
    }
    assert!(
        !page.contains("collector_leg"),
        "it must wait for its minute: {page}"
    );
    if env::var_os("COLLECTOR_FULL").is_some() {
        let page = wait(A_MINUTE, "the minute", || {
            place
                .page()
                .ok()
                .filter(|page| page.contains("collector_leg"))
        })?;
        assert!(
            page.contains("counter collector_label_flows_total [('label', '"),
            "{page}"
        );
    }
    running.terminate()?;
    Ok(())
}

#[test]
fn clients_that_say_nothing_or_too_much_hold_nobody_up() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let running = place.start()?;
    let socket = only_socket(&place.home.join("run"))?;
    let silent: Vec<_> = (0..40).flat_map(|_| UnixStream::connect(&socket)).collect();
    let (mut loud, mut answer) = (UnixStream::connect(&socket)?, String::new());
    // It may be let go before all is sent.
    let _ = loud.write_all(&vec![b'x'; 1 << 20]);
    let _ = loud.read_to_string(&mut answer);
    let before = place.home.status()?.seen["egress"].packets;
    place.talk()?;
    wait(PATIENCE, "what was sent", || {
        let status = place.home.status().ok()?;
        (status.seen["egress"].packets >= before + 6 * FLOWS).then_some(())
    })?;
    drop(silent);
    let (status, log) = running.terminate()?;
    assert!(status.success() && !log.contains("panicked"), "{log}");
    Ok(())
}

#[test]
fn the_service_manager_hears_that_it_is_up_that_it_lives_and_that_it_stops() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let name = place.home.join("notify");
    let manager = UnixDatagram::bind(&name)?;
    manager.set_read_timeout(Some(PATIENCE))?;
    let mut run = place.run();
    run.env("NOTIFY_SOCKET", &name)
        .env("WATCHDOG_USEC", "1500000");
    let running = place.home.start_as(&mut run)?;
    let heard = || -> Result<String> {
        let mut room = [0; 512];
        let length = manager.recv(&mut room)?;
        Ok(String::from_utf8(room[..length].to_vec())?)
    };
    let first = heard()?;
    assert!(first.starts_with("READY=1\nWATCHDOG=1\nSTATUS="), "{first}");
    assert!(first.contains("flows of 1024; all is well"), "{first}");
    for _ in 0..2 {
        assert!(heard()?.starts_with("WATCHDOG=1"));
    }
    running.terminate()?;
    let last = std::iter::from_fn(|| heard().ok()).find(|words| words.starts_with("STOPPING=1"));
    assert!(last.is_some());
    Ok(())
}

#[test]
fn a_metrics_address_that_others_reach_is_refused() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let mut run = place.home.command(&place.near, "run");
    run.args(["--iface", "wire", "--metrics", "0.0.0.0:9155"]);
    assert_fails(&mut run, 2, &["--metrics", "loopback"])?;
    assert!(fs::read_dir(place.home.out()).is_err(), "nothing was begun");
    Ok(())
}
