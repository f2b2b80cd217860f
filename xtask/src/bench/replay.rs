//! `bench replay`: ours beside its peers, the same files, one run.

use std::{
    fs,
    net::UdpSocket,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use super::{
    comparison::{Comparison, Found, Row, grouped, median},
    input::Input,
    measure::{Limits, measure},
    programs::{self, PEERS, Program},
};
use crate::{
    build,
    caller::Caller,
    gen_trace,
    workspace::{Profile, Workspace},
};

/// Of the SYN flood.
const FLOOD: &str = "3M";

/// What to compare, and on what.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Captures (classic pcap); without them a generated mix and a SYN flood.
    captures: Vec<PathBuf>,
    /// Packets of the generated mix, as `gen-trace` takes them.
    #[arg(long, default_value = "5M", value_name = "N")]
    packets: String,
    /// Flows at a time in it.
    #[arg(long, default_value = "2k", value_name = "N")]
    concurrency: String,
    /// Runs of each program, in turn; the table has medians.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..), value_name = "N")]
    runs: u8,
    /// Peers on the SYN flood, too: NFStream takes minutes there, and 13 GB.
    #[arg(long)]
    flood_peers: bool,
    /// Only these peers; `none` for ours alone.
    #[arg(long, value_delimiter = ',', value_parser = peer_names(), value_name = "NAME,…")]
    peers: Option<Vec<String>>,
    /// Another agent than the release build here.
    #[arg(long, value_name = "PATH")]
    collector: Option<PathBuf>,
    #[command(flatten)]
    limits: Limits,
}

fn peer_names() -> clap::builder::PossibleValuesParser {
    PEERS
        .iter()
        .copied()
        .chain(["none"])
        .collect::<Vec<_>>()
        .into()
}

/// `cargo xtask bench replay`
pub(super) fn run(arguments: &Arguments, workspace: &Workspace, caller: &Caller) -> Result<()> {
    let agent = match &arguments.collector {
        Some(path) => path.clone(),
        None => {
            build::all(Profile::Release, workspace, caller)?;
            workspace.agent(Profile::Release)
        }
    };
    let folder = workspace.target.join("bench");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let inputs = inputs(arguments, &folder, workspace, caller)?;
    // Takes what softflowd exports, and lives as long as it.
    let sink = UdpSocket::bind("127.0.0.1:0").context("a socket for softflowd's exports")?;
    let cores = arguments.limits.cores;
    let ours = programs::ours(agent.clone(), cores, programs::SAMPLE);
    let mut peers = peers(arguments, &sink, workspace, caller);
    peers.push(programs::ours(agent, cores, programs::NONE));
    peers.push(programs::floor());
    let mut whole = true;
    for input in &inputs {
        let all = peers
            .iter()
            .filter(|peer| !input.flood || arguments.flood_peers || peer.is_cheap());
        let programs: Vec<&Program> = std::iter::once(&ours).chain(all).collect();
        let comparison = compare(arguments, input, &programs, &folder)?;
        println!("{comparison}");
        whole &= comparison
            .rows
            .first()
            .is_some_and(|row| row.result.is_ok());
    }
    println!(
        "Ratios are to the first row. On a busy machine trust CPU seconds (user and system, of all \
         processes);\npeak memory is that of the largest process."
    );
    if !whole {
        bail!("collector did not replay every capture");
    }
    Ok(())
}

fn inputs(
    arguments: &Arguments,
    folder: &Path,
    workspace: &Workspace,
    caller: &Caller,
) -> Result<Vec<Input>> {
    if !arguments.captures.is_empty() {
        return arguments
            .captures
            .iter()
            .map(|path| Input::given(path))
            .collect();
    }
    let generator = gen_trace::program(workspace, caller)?;
    let (packets, concurrency) = (&*arguments.packets, &*arguments.concurrency);
    let mix = ["--packets", packets, "--concurrency", concurrency];
    let flood = ["--kind", "syn-flood", "--flows", FLOOD];
    let made =
        |name: &str, options: &[&str]| Input::made(folder, name, options, &generator, caller);
    Ok(vec![
        made(&format!("mix-{packets}-{concurrency}.pcap"), &mix)?,
        made(&format!("syn-flood-{FLOOD}.pcap"), &flood)?,
    ])
}

/// Those that can be had; of the others it is said why not.
fn peers(
    arguments: &Arguments,
    sink: &UdpSocket,
    workspace: &Workspace,
    caller: &Caller,
) -> Vec<Program> {
    let is_wanted = |name: &&str| match &arguments.peers {
        Some(names) => names.iter().any(|wanted| wanted == name),
        None => true,
    };
    let mut all = Vec::new();
    for name in PEERS.into_iter().filter(is_wanted) {
        match programs::peer(name, sink, workspace, caller) {
            Ok(peer) => all.push(peer),
            Err(error) => eprintln!("bench: without {name}: {error:#}"),
        }
    }
    all
}

fn compare(
    arguments: &Arguments,
    input: &Input,
    programs: &[&Program],
    folder: &Path,
) -> Result<Comparison> {
    let mut costs = vec![Vec::new(); programs.len()];
    let mut results: Vec<Result<u64, String>> = vec![Ok(0); programs.len()];
    // In turn, so that what else the machine does meets all of them. The first reading brings the
    // file into memory.
    for number in 1..=arguments.runs {
        for (place, program) in programs.iter().enumerate().rev() {
            if results[place].is_err() {
                continue;
            }
            eprintln!(
                "bench: run {number}: {} on {}",
                program.name,
                input.path.display()
            );
            let scratch = tempfile::tempdir_in(folder)?;
            let words = (program.words)(&input.path, scratch.path());
            match measure(&arguments.limits, scratch.path(), &words)? {
                Ok(cost) => {
                    costs[place].push(cost);
                    results[place] = Ok((program.flows)(scratch.path())?);
                }
                Err(reason) => results[place] = Err(reason),
            }
        }
    }
    let rows = programs.iter().zip(results).zip(&costs);
    let rows = rows.map(|((program, result), costs)| Row {
        program: format!("{} {}", program.name, program.version),
        result: result.map(|flows| Found {
            cost: median(costs),
            flows,
        }),
    });
    Ok(Comparison {
        title: title(arguments, input),
        packets: input.packets,
        rows: rows.collect(),
    })
}

fn title(arguments: &Arguments, input: &Input) -> String {
    let name = input.path.file_name().unwrap_or_default().to_string_lossy();
    format!(
        "\n{name}: {} packets, {} core(s), median of {} run(s)",
        grouped(input.packets as f64),
        arguments.limits.cores,
        arguments.runs,
    )
}
