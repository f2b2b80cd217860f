//! Writes a large capture made by rule.

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use clap::{ArgGroup, CommandFactory, Parser, ValueEnum, error::ErrorKind};
use collector_common::settings::Timeouts;
use collector_tests::trace::{Flood, Kind, Limit, Mix, Outputs, Resolution, Shares, Totals, Trace};
use indicatif::{ProgressBar, ProgressStyle};

/// Write a large capture made by rule; the same options give the same bytes.
#[derive(Parser)]
#[command(name = "cargo xtask gen-trace", bin_name = "cargo xtask gen-trace", after_help = EXAMPLES)]
#[command(group = ArgGroup::new("size").args(["flows", "packets", "bytes"]))]
struct Arguments {
    /// Where the capture goes; - is standard output
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Also a line for each flow: l4, ip_version, ports, packets, bytes of frames, the label that
    /// its payload shows, and whether the capture has all of it (NDJSON)
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// What to make
    #[arg(long, value_enum, default_value_t = What::Mix)]
    kind: What,
    /// End after so many flows, all of them complete
    #[arg(long, value_parser = number, value_name = "N")]
    flows: Option<u64>,
    /// End after so many packets, in the middle of flows [default: 1M]
    #[arg(long, value_parser = number, value_name = "N")]
    packets: Option<u64>,
    /// End after so many bytes of file, in the middle of flows
    #[arg(long, value_parser = number, value_name = "N")]
    bytes: Option<u64>,
    /// Packets per second of packet time [default: 5k, as busy exits have it; syn-flood: 100k]
    #[arg(long, value_parser = number, value_name = "N")]
    rate: Option<u64>,
    /// Flows at a time
    #[arg(long, value_parser = number, default_value = "2000", value_name = "N")]
    concurrency: u64,
    /// Weight of each protocol by flows; one that is not named gets none. Default:
    /// tls=46,http=8,ssh=2,smtp=1,dns=20,quic=2,bittorrent=3,tor=4,unknown=4,failed=10
    #[arg(long, value_name = "NAME=WEIGHT,…")]
    share: Option<Shares>,
    /// Flows over IPv6, per cent
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(..=100))]
    ipv6: u8,
    /// Packets of a flow that carries bulk, roughly, on average; sizes have a heavy tail. The default
    /// makes about 80 kB for each flow of more than four packets, as three exits had in 2021
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..))]
    mean_packets: u32,
    /// SYNs of 60 bytes without options, in place of 74 bytes (syn-flood)
    #[arg(long)]
    bare: bool,
    /// Times in nanoseconds, in place of microseconds
    #[arg(long)]
    nano: bool,
    /// Another seed gives other bytes
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

const EXAMPLES: &str = "Examples:
  cargo xtask gen-trace --out mix.pcap --truth mix.ndjson
  cargo xtask gen-trace --out busy.pcap --packets 5M --concurrency 20k --rate 100k
  cargo xtask gen-trace --out web.pcap --flows 10k --share tls=80,http=20 --ipv6 0
  cargo xtask gen-trace --out flood.pcap --kind syn-flood --flows 3M
  cargo xtask gen-trace --out - --bytes 10G | collector replay - --out DIR

Numbers take k, M and G (thousands). Addresses are of the documentation and benchmark ranges.
Exit codes: 0 done, 1 failed while running, 2 wrong usage.";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// What crosses the interface of an exit relay
    Mix,
    /// One SYN each from as many sources as flows (3M by default) to one server
    SynFlood,
}

/// `5M` is five million.
fn number(text: &str) -> Result<u64, String> {
    let (digits, factor) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1_000),
        Some(b'M') => (&text[..text.len() - 1], 1_000_000),
        Some(b'G') => (&text[..text.len() - 1], 1_000_000_000),
        _ => (text, 1),
    };
    let value = digits.parse::<u64>().ok();
    value
        .and_then(|value| value.checked_mul(factor))
        .filter(|&value| value > 0)
        .ok_or_else(|| "a number above 0, such as 250, 20k, 5M or 10G".to_owned())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let trace = arguments.trace().unwrap_or_else(|message| {
        Arguments::command()
            .error(ErrorKind::ValueValidation, message)
            .exit()
    });
    match write(&arguments, &trace) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn write(arguments: &Arguments, trace: &Trace) -> Result<()> {
    let start = Instant::now();
    let bar = bar(trace);
    let mut show = |totals: &Totals| bar.set_position(reached(trace, totals));
    let mut capture = output(&arguments.out)?;
    let mut truth = arguments.truth.as_deref().map(output).transpose()?;
    let totals = trace
        .write(Outputs {
            capture: &mut capture,
            truth: truth.as_mut().map(|file| file as &mut dyn Write),
            progress: &mut show,
        })
        .with_context(|| format!("writing {}", arguments.out.display()))?;
    bar.finish_and_clear();
    eprintln!(
        "{} packets, {} bytes of frames, {} flows, {:.1} s of packet time; took {:.1} s",
        totals.packets,
        totals.bytes,
        totals.flows,
        totals.nanoseconds as f64 / 1e9,
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

impl Arguments {
    fn trace(&self) -> Result<Trace, String> {
        let kind = match self.kind {
            What::Mix => Kind::Mix(self.mix()?),
            What::SynFlood => Kind::SynFlood(self.flood()?),
        };
        let resolution = if self.nano {
            Resolution::Nano
        } else {
            Resolution::Micro
        };
        Ok(Trace {
            kind,
            rate: self.rate(),
            resolution,
            seed: self.seed,
        })
    }

    /// Of an exit with 60 to 80 new flows a second; of a flood that ends within half a minute.
    fn rate(&self) -> u64 {
        self.rate.unwrap_or(match self.kind {
            What::Mix => 5_000,
            What::SynFlood => 100_000,
        })
    }

    fn mix(&self) -> Result<Mix, String> {
        let mix = Mix {
            limit: match (self.flows, self.packets, self.bytes) {
                (Some(flows), _, _) => Limit::Flows(flows),
                (_, _, Some(bytes)) => Limit::Bytes(bytes),
                (_, packets, _) => Limit::Packets(packets.unwrap_or(1_000_000)),
            },
            concurrency: usize::try_from(self.concurrency).unwrap_or(usize::MAX),
            shares: self.share.clone().unwrap_or_default(),
            ipv6: self.ipv6,
            mean_packets: f64::from(self.mean_packets),
        };
        let (wait, linger) = (mix.longest_wait(self.rate()), Timeouts::DEFAULT.linger);
        if wait * 1e9 > linger as f64 {
            return Err(format!(
                "a flow would wait up to {wait:.1} s of packet time for its next packet, and a \
                 meter forgets a closed one after {} s: raise --rate or lower --concurrency",
                linger / 1_000_000_000
            ));
        }
        Ok(mix)
    }

    fn flood(&self) -> Result<Flood, String> {
        if self.bytes.is_some() || self.share.is_some() {
            return Err("a SYN flood has --flows or --packets, and no --bytes or --share".into());
        }
        Ok(Flood {
            flows: self.flows.or(self.packets).unwrap_or(3_000_000),
            bare: self.bare,
        })
    }
}

fn output(path: &Path) -> Result<Box<dyn Write>> {
    if path != Path::new("-") {
        let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
        return Ok(Box::new(file));
    }
    if io::stdout().is_terminal() {
        bail!("a capture is not for a terminal: pipe it into a program, or give --out FILE");
    }
    Ok(Box::new(io::stdout().lock()))
}

/// The limit and how far it is reached are of one unit.
fn reached(trace: &Trace, totals: &Totals) -> u64 {
    match &trace.kind {
        Kind::Mix(mix) => match mix.limit {
            Limit::Flows(_) => totals.flows,
            Limit::Packets(_) => totals.packets,
            Limit::Bytes(_) => totals.bytes,
        },
        Kind::SynFlood(_) => totals.packets,
    }
}

/// On a terminal; elsewhere it stays silent.
fn bar(trace: &Trace) -> ProgressBar {
    let (most, unit) = match &trace.kind {
        Kind::Mix(mix) => match mix.limit {
            Limit::Flows(most) => (most, "flows"),
            Limit::Packets(most) => (most, "packets"),
            Limit::Bytes(most) => (most, "bytes"),
        },
        Kind::SynFlood(flood) => (flood.flows, "packets"),
    };
    let style = format!("{{wide_bar}} {{human_pos}} of {{human_len}} {unit}, {{eta}} left");
    let style =
        ProgressStyle::with_template(&style).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(most).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_k_m_and_g() {
        assert_eq!(number("250"), Ok(250));
        assert_eq!(number("20k"), Ok(20_000));
        assert_eq!(number("5M"), Ok(5_000_000));
        assert_eq!(number("10G"), Ok(10_000_000_000));
        for wrong in ["", "0", "k", "-1", "1.5M", "99999999999G"] {
            assert!(number(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_help_names_every_protocol_with_its_weight() {
        Arguments::command().debug_assert();
        let help = Arguments::command().render_long_help().to_string();
        for name in collector_tests::trace::protocol_names().split(", ") {
            assert!(help.contains(&format!("{name}=")), "{name}");
        }
    }
}
