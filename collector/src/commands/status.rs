//! `collector status`.

use std::{fmt::Write, process::ExitCode};

use collector_common::schema::HostChanges;

use super::{finished, print};
use crate::{
    cli,
    live::{ConsensusStatus, Status, ask},
    watching::health::{Fill, Health},
};

/// Readings before unbalanced books are an error: one may fall between two counters.
const READINGS: u32 = 3;

pub(super) fn execute(args: &cli::Status) -> ExitCode {
    finished(show(args))
}

fn show(args: &cli::Status) -> anyhow::Result<()> {
    let socket = args.agent.socket()?;
    let mut status = ask(&socket)?;
    for _ in 1..READINGS {
        if status.balance.holds() {
            break;
        }
        status = ask(&socket)?;
    }
    let text = if args.json {
        serde_json::to_string(&status)?
    } else {
        table(&status)?
    };
    print(&text)?;
    anyhow::ensure!(
        status.balance.holds(),
        "the books do not hold: {} packets",
        status.balance.difference
    );
    Ok(())
}

fn table(status: &Status) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    writeln!(
        out,
        "collector {} on {}, up {} s",
        status.version,
        status.interfaces.join(", "),
        status.uptime
    )?;
    for hook in &status.hooks {
        writeln!(out, "  {hook}")?;
    }
    writeln!(out, "{}", status.rights)?;
    writeln!(out, "{}", status.promise)?;
    for consensus in &status.consensus {
        writeln!(out, "{}", consensus_line(consensus))?;
    }
    writeln!(out, "\n{:<26}{:>16}{:>20}", "", "packets", "bytes")?;
    for (hook, seen) in &status.seen {
        row(&mut out, &format!("seen, {hook}"), seen.packets, seen.bytes)?;
        if let Some(here) = status.seen_since_start.get(hook) {
            row(&mut out, "  since this start", here.packets, here.bytes)?;
        }
        if let Some(counted) = status.interface.get(hook) {
            row(
                &mut out,
                "  interface's counter",
                counted.packets,
                counted.bytes,
            )?;
        }
    }
    for (name, amount) in [
        ("live", status.live),
        ("written", status.written),
        ("  not on the disk", status.unwritten),
        ("late", status.late),
        ("  back in the table", status.late_settled),
        ("  in records", status.late_written),
        ("  lost in a crash", status.lost_in_crash),
    ] {
        row(&mut out, name, amount.packets, amount.bytes)?;
    }
    writeln!(out, "not metered, by reason")?;
    for (reason, amount) in &status.reasons {
        row(
            &mut out,
            &format!("  {reason}"),
            amount.packets,
            amount.bytes,
        )?;
    }
    writeln!(
        out,
        "\nflows live {} of {}, written {}; {} packets/s; found the table full {}",
        status.live_flows,
        status.table_size,
        status.flows_written,
        status.packets_per_second,
        status.overflow
    )?;
    let sweeps = [
        ("last", status.sweep.last),
        ("longest", status.sweep.longest),
    ];
    let [last, longest] = sweeps
        .map(|(which, swept)| format!("{which} {} ms, {} flows", swept.milliseconds, swept.flows));
    writeln!(out, "sweeps of the table: {last} closed; {longest}")?;
    writeln!(
        out,
        "payload samples {}, lost {}, not looked at {}",
        status.samples, status.samples_lost, status.samples_shed
    )?;
    health(&mut out, &status.health)?;
    for anomaly in &status.anomalies {
        writeln!(
            out,
            "{}: {} going on for {} s; {} flows, {} packets in the last minute",
            anomaly.traits, anomaly.number, anomaly.seconds, anomaly.flows, anomaly.packets
        )?;
    }
    if status.lost_in_upgrade > 0 {
        writeln!(out, "lost in an upgrade: {} flows", status.lost_in_upgrade)?;
    }
    if let Some(changes) = changes_line(&status.host) {
        writeln!(out, "{changes}")?;
    }
    let balance = status.balance;
    if balance.holds() {
        writeln!(out, "books hold: {} packets metered", balance.metered)?;
    } else {
        writeln!(
            out,
            "books do not hold: {} metered, {} to {} expected",
            balance.metered, balance.from, balance.to
        )?;
    }
    Ok(out)
}

fn health(out: &mut String, health: &Health) -> std::fmt::Result {
    let fill = |name: &str, unit: &str, fill: &Fill| {
        let Fill { now, peak, size } = fill;
        format!("{name} {now} of {size}{unit}, at most {peak}")
    };
    writeln!(out, "{}", fill("table", " flows", &health.table))?;
    for (name, ring) in &health.rings {
        writeln!(out, "{}", fill(&format!("ring of {name}"), " bytes", ring))?;
    }
    let output = &health.output;
    writeln!(
        out,
        "{}",
        fill("waiting for the disk", " bytes", &output.queue)
    )?;
    writeln!(
        out,
        "spool {} min old, {} to be closed; retention removed {} files, {} bytes",
        output.spool_age / 60,
        output.spools_waiting,
        output.files_removed,
        output.bytes_removed
    )?;
    let process = &health.process;
    writeln!(
        out,
        "memory {} KiB, descriptors {}, CPU {:.1} s",
        process.resident_bytes / 1024,
        process.descriptors,
        process.cpu_seconds
    )?;
    for trouble in &health.troubles {
        writeln!(out, "! {trouble}")?;
    }
    Ok(())
}

/// What happened to the host; `None`: nothing did.
fn changes_line(host: &HostChanges) -> Option<String> {
    let kinds = [
        (host.link_down, "link down"),
        (host.renamed, "renamed"),
        (host.mtu, "MTU changed"),
        (host.offloads, "offloads changed"),
        (host.hook_gone, "hook gone"),
        (host.clock_steps, "clock set"),
        (host.suspends, "suspended"),
    ];
    let happened = kinds.iter().filter(|(times, _)| *times > 0);
    let words: Vec<_> = happened
        .map(|(times, kind)| format!("{kind} {times}"))
        .collect();
    (!words.is_empty()).then(|| format!("host: {}", words.join(", ")))
}

fn consensus_line(status: &ConsensusStatus) -> String {
    let whose = status
        .relay
        .map_or_else(String::new, |name| format!(" of {name}"));
    let Some(relays) = status.relays else {
        return format!(
            "consensus{whose}: none yet, so links to other relays look like exit traffic"
        );
    };
    let age = status.age.map_or_else(
        || "of unknown age".to_owned(),
        |seconds| format!("{} min old", seconds / 60),
    );
    let stale = if status.is_stale { ", out of date" } else { "" };
    format!("consensus{whose}: {relays} relays, {age}{stale}")
}

fn row(out: &mut String, name: &str, packets: u64, bytes: u64) -> std::fmt::Result {
    writeln!(out, "{name:<26}{packets:>16}{bytes:>20}")
}
