//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{
    live::{Instance, Interface, only_socket},
    settings::{Metering, Settings},
};

/// Flow meter for Tor exit relays: counts flows in the kernel, names their protocols, removes what
/// identifies people, writes compressed NDJSON.
#[derive(Debug, Parser)]
#[command(name = "collector", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// What is logged to standard error, as in info, debug or collector=debug
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        default_value = "info",
        env = "COLLECTOR_LOG"
    )]
    pub(crate) log: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Meter interfaces until SIGTERM or SIGINT
    #[command(after_help = RUN_EXAMPLES)]
    Run(Box<Run>),
    /// Play captures through the live meter's rules, offline
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(Box<Replay>),
    /// Tell for each flow of a capture which dissectors were asked, what they said, which bytes decided
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Explain),
    /// Look closed files through for anything that their level does not tell
    #[command(after_help = AUDIT_EXAMPLES)]
    Audit(Audit),
    /// Ask a running agent how it does, and whether its books hold
    #[command(after_help = STATUS_EXAMPLES)]
    Status(Status),
    /// Watch a running agent: rates, legs, labels, countries, ports, what fills up and what is lost
    #[command(after_help = TOP_EXAMPLES)]
    Top(Top),
    /// Remove what a dead agent left in the kernel, and the counts in it
    #[command(after_help = DETACH_EXAMPLES)]
    Detach(Detach),
    /// What `run` starts to open files for it
    #[command(hide = true)]
    Opener { uid: u32, gid: u32 },
}

const RUN_EXAMPLES: &str = "\
Examples:
  collector run --iface eth0 --out /var/lib/collector
  collector run --iface eth0 --out /var/lib/collector --exclude 192.0.2.7:22
  collector run --iface eth0 --out /var/lib/collector --privacy aggregate
  collector run --config /etc/collector.toml --payload none

Every flag without its dashes is a key of the configuration file; flags win, exclusions add up.
Needs root (or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON) and Linux 6.1.
Ask the Research Safety Board before you meter a live exit; with `--payload none` no byte of
payload is copied.

Exit codes: 0 stopped by a signal with everything written, 1 failed, 2 wrong usage.";

const REPLAY_EXAMPLES: &str = "\
Examples:
  collector replay exit.pcap --out flows
  collector replay --host 192.0.2.1 --host 2001:db8::1 captures/ --out flows
  zcat long.pcap.gz | collector replay - --out flows
  collector replay --each --privacy off --nfstream-timing captures/ --out compared

pcap and pcapng, plain, gzip or zstd. Several captures are one stream, in the order in which they
are named (a folder: in the order of its names); their packets' time is the clock, which never goes
back. The records are those that `collector run` would have written; it needs no rights.

Exit codes: 0 everything read and written, 1 a capture is damaged (what comes before the damage
is written) or something failed, 2 wrong usage.";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  collector explain odd.pcap
  collector explain odd.pcap --label Unknown --bytes 128
  collector explain captures/ --port 6881 --all
  collector explain --dissectors

A text for whoever adds a protocol or doubts a label. Each piece of payload is shown with the
answers that are not no; --all adds those, each with the part of the protocol that did not fit.
It shows payload, which may hold names and secrets, and no addresses: for captures of your own.

Exit codes: 0 everything read, 1 a capture is damaged or something failed, 2 wrong usage.";

const AUDIT_EXAMPLES: &str = "\
Examples:
  collector audit /var/lib/collector
  collector audit day-relay-20261122-0000.ndjson.zst
  zstdcat flows-*.ndjson.zst | collector audit -

To be run before a file leaves the machine. A fault is told as FILE:LINE: FIELD: WHAT, never with
the value. Each line must be one that a meter writes at the level that the file's header names, to
the letter: fields, words of lists, rounded numbers and times, shared by at least k flows, sorted;
no user agent may show an address, a host, a URL or a number of a device. Whether values that are
all allowed point at somebody together is not judged. Of a folder, what a running meter works on
is passed over, and any file that no meter writes is a fault. zstd or plain text.

Exit codes: 0 no faults, 1 faults or a file that can't be read, 2 wrong usage.";

const STATUS_EXAMPLES: &str = "\
Examples:
  collector status
  collector status --iface eth0 --json

Only the user that the agent runs as, mostly root, can ask it.

--json gives one line, one object; its keys are only added to.

Exit codes: 0 the books hold, 1 they do not in three readings running, or no agent answers, 2 wrong
usage.";

const TOP_EXAMPLES: &str = "\
Examples:
  collector top
  collector top --iface eth0 --interval 5
  collector top --once

Keys: 1 to 5 or tab choose what is shown, p pauses, ? helps, q quits. Counts only; what fewer than k
flows have is told here, on the operator's own terminal, and not in closed files.

Exit codes: 0 quit, 1 no agent answers or there is no terminal, 2 wrong usage.";

const DETACH_EXAMPLES: &str = "\
Examples:
  collector detach --iface eth0

After a crash, `collector run` takes over what is left and counts on: this is for when there will
be no next run. Idempotent; refuses while an agent runs.";

#[derive(Args, Debug)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// TOML file with the same keys as these flags
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Replay {
    /// Captures, folders of captures, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) metering: Metering,
    /// Play each capture by itself, into a file named after it: CAPTURE.ndjson.zst
    #[arg(long)]
    pub(crate) each: bool,
    /// See packets and cut flows as NFStream 6.6 does, for comparison: idle 120 s, active 1800 s
    /// unless set, tested on arrival; no FIN, RST or half-open rule; the inner packet of IP, GTP and
    /// PPPoE; the VLAN id in the key; bytes of the captured frame
    #[arg(long)]
    pub(crate) nfstream_timing: bool,
    /// Address or prefix of the host at which the captures were taken: what it sends is outbound;
    /// without it no leg is known; repeatable
    #[arg(long, value_name = "PREFIX")]
    pub(crate) host: Vec<String>,
    /// Threads that meter, beside the one that reads; 1: all on one; the result is the same
    /// [default: one less than there are cores, but at least 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) workers: Option<u16>,
    /// The summary as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// Captures, folders of captures, or - for standard input
    #[arg(required_unless_present = "dissectors", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Flows with this port at either end only; repeatable
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Vec<u16>,
    /// Flows that got this label only, as in Unknown, TLS or TLS.Google; repeatable
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: Vec<String>,
    /// Answers of these dissectors only, as in TLS; each no is shown with its reason; repeatable
    #[arg(long, value_name = "NAME")]
    pub(crate) asked: Vec<String>,
    /// Every answer: some hundreds for each piece of payload
    #[arg(long)]
    pub(crate) all: bool,
    /// Bytes shown of each piece of payload
    #[arg(long, value_name = "N", default_value_t = 48, value_parser = clap::value_parser!(u16).range(0..=4096))]
    pub(crate) bytes: u16,
    /// List the dissectors by family instead, in the order in which they are asked
    #[arg(long)]
    pub(crate) dissectors: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Audit {
    /// Closed files, folders of them, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Faults of a file that are told; beyond, they are counted
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) faults: usize,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) agent: RunningAgent,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Top {
    #[command(flatten)]
    pub(crate) agent: RunningAgent,
    /// Between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub(crate) interval: u16,
    /// Print one frame as text, 80 columns wide
    #[arg(long)]
    pub(crate) once: bool,
}

/// Which agent is asked.
#[derive(Args, Debug)]
pub(crate) struct RunningAgent {
    /// Interfaces of the agent to ask, when several run
    #[arg(long, value_name = "IF")]
    iface: Vec<String>,
    /// Where the agent's socket is
    #[arg(long, value_name = "DIR", default_value = crate::live::RUN_ROOT)]
    run_dir: PathBuf,
}

impl RunningAgent {
    /// Its socket.
    pub(crate) fn socket(&self) -> anyhow::Result<PathBuf> {
        if self.iface.is_empty() {
            return only_socket(&self.run_dir);
        }
        let named = self.iface.iter().map(|name| Interface::named(name));
        let interfaces: Vec<_> = named.collect::<Result<_, _>>()?;
        Ok(Instance::of(&interfaces)?.socket(&self.run_dir))
    }
}

#[derive(Args, Debug)]
pub(crate) struct Detach {
    /// Interface that the dead agent metered; repeatable
    #[arg(long, value_name = "IF", required = true)]
    pub(crate) iface: Vec<String>,
    /// Where it pinned maps and links, on bpffs
    #[arg(long, value_name = "DIR", default_value = crate::live::PIN_ROOT)]
    pub(crate) pin_dir: PathBuf,
    /// Where its lock is
    #[arg(long, value_name = "DIR", default_value = crate::live::RUN_ROOT)]
    pub(crate) run_dir: PathBuf,
}
