//! The capture of a private Tor network, flow by flow.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result};
use collector_tests::{binary::program, captures, tornet};
use serde_json::Value;

/// The relay of the capture, as its own files told of it.
const TORRC: &str = "Nickname exit\nORPort 203.0.113.9:9001 IPv4Only\n\
    ORPort [2001:db8:e::9]:9001 IPv6Only\nDataDirectory /nonexistent/tor\nExitRelay 1\n\
    ExitPolicy reject 0.0.0.0/8:*,accept *:*\n";

/// Its consensus: three authorities, two middles, the exit.
fn consensus() -> String {
    let mut text =
        "network-status-version 3 microdesc\nvalid-after 2026-11-22 17:45:40\n".to_owned();
    for host in 11..=13 {
        text += &format!("dir-source auth{host} ID 192.0.2.{host} 192.0.2.{host} 7000 9001\n");
    }
    let mut relay = |name: &str, v4: &str, dir_port: u16, v6: Option<&str>| {
        text += &format!("r {name} ID 2038-01-01 00:00:00 {v4} 9001 {dir_port}\n");
        text += &v6.map_or(String::new(), |v6| format!("a [{v6}]:9001\n"));
    };
    for host in 11..=13 {
        let v6 = format!("2001:db8:a::{host}");
        relay("auth", &format!("192.0.2.{host}"), 7000, Some(&v6));
    }
    relay("middle1", "192.0.2.21", 0, None);
    relay("middle2", "192.0.2.22", 0, None);
    relay("exit", "203.0.113.9", 0, Some("2001:db8:e::9"));
    text
}

/// Transport and ports of a flow, the smaller one first.
type Ends = (String, [u16; 2]);

/// What replay says of each flow: leg and basis of its records.
fn replayed(capture: &Path, arguments: &[&str]) -> Result<BTreeMap<Ends, BTreeSet<String>>> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    let torrc = folder.path().join("torrc");
    let network = folder.path().join("network");
    fs::write(&torrc, TORRC)?;
    fs::write(&network, consensus())?;
    let mut command = program();
    command.arg("replay").arg(capture).arg("--out").arg(&out);
    command.args([
        "--privacy",
        "off",
        "--host",
        "203.0.113.9",
        "--host",
        "2001:db8:e::9",
    ]);
    for argument in arguments {
        command.arg(argument);
        match *argument {
            "--torrc" => command.arg(&torrc),
            "--consensus" => command.arg(&network),
            _ => &mut command,
        };
    }
    let output = command.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{said}");
    let files: Vec<PathBuf> = fs::read_dir(&out)?
        .map(|file| Ok(file?.path()))
        .collect::<Result<_>>()?;
    let lines = String::from_utf8(zstd::decode_all(fs::File::open(&files[0])?)?)?;
    let mut told: BTreeMap<Ends, BTreeSet<String>> = BTreeMap::new();
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line)?;
        let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
        let mut ports = [0; 2];
        for (port, field) in ports.iter_mut().zip(["src_port", "dst_port"]) {
            *port = u16::try_from(line[field].as_u64().context("a port")?)?;
        }
        ports.sort_unstable();
        let said = format!("{} {}", text("leg"), text("leg_basis"));
        told.entry((text("proto"), ports)).or_default().insert(said);
    }
    Ok(told)
}

/// Holds what replay says against the truth; gives how many flows that is.
fn assert_true(
    folder: &Path,
    arguments: &[&str],
    expected: impl Fn(&str) -> &'static str,
) -> Result<usize> {
    let told = replayed(&folder.join("exit.pcap"), arguments)?;
    let truth = tornet::truth(&folder.join("flows.tsv"))?;
    for flow in &truth {
        let mut ports = flow.flow.ports;
        ports.sort_unstable();
        let said = &told[&(flow.flow.transport.clone(), ports)];
        assert_eq!(*said, [expected(&flow.class).to_owned()].into(), "{flow:?}");
    }
    Ok(truth.len())
}

#[test]
fn every_flow_of_a_tor_exit_gets_its_leg_from_torrc_and_consensus() -> Result<()> {
    let Some(folder) = captures::tornet() else {
        return Ok(());
    };
    let known = |class: &str| match class {
        "tor-or" => "or torrc",
        "tor-dir" => "dir consensus",
        "dns" => "dns port",
        "exit" => "exit port",
        _ => "",
    };
    let flows = assert_true(&folder, &["--torrc", "--consensus"], known)?;
    assert_eq!(flows, 108);
    Ok(())
}

#[test]
fn the_consensus_alone_knows_the_exits_own_port_too() -> Result<()> {
    let Some(folder) = captures::tornet() else {
        return Ok(());
    };
    let known = |class: &str| match class {
        "tor-or" => "or consensus",
        "tor-dir" => "dir consensus",
        "dns" => "dns port",
        "exit" => "exit port",
        _ => "",
    };
    assert_true(&folder, &["--consensus"], known)?;
    Ok(())
}

#[test]
fn without_a_consensus_directory_traffic_looks_like_an_exits() -> Result<()> {
    let Some(folder) = captures::tornet() else {
        return Ok(());
    };
    let known = |class: &str| match class {
        "tor-or" => "or torrc",
        "dns" => "dns port",
        _ => "exit port",
    };
    assert_true(&folder, &["--torrc"], known)?;
    Ok(())
}
