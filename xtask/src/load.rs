//! `build-and-load`: from a checkout to a running agent.

use std::{
    env,
    ffi::OsString,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    build,
    caller::Caller,
    checks, command, demo,
    failure::Usage,
    route,
    workspace::{Profile, Workspace},
};

/// Build everything and start the agent on an interface, or on a sandbox.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask build-and-load --demo                     a sandbox, until Ctrl-C
  cargo xtask build-and-load                            the default route's interface
  cargo xtask build-and-load --iface eth0 --out /srv/flows
  cargo xtask build-and-load --iface eth0 -- --payload none

Builds as you and starts only the agent as root, by sudo. Ctrl-C stops the agent, which
writes what it holds and exits 0.")]
pub(crate) struct Arguments {
    /// Interface to meter; may be repeated [default: the default route's].
    #[arg(long, value_name = "IF", conflicts_with = "demo")]
    iface: Vec<String>,
    /// Folder for the flow files; the agent makes it [default: collector-flows here].
    #[arg(long, value_name = "DIR", conflicts_with = "demo")]
    out: Option<PathBuf>,
    /// Meter a sandbox of its own (namespaces, servers, clients) and show the records.
    #[arg(long)]
    demo: bool,
    /// Stop the demo after so many seconds.
    #[arg(long, value_name = "N", requires = "demo")]
    seconds: Option<u64>,
    /// Passed on to `collector run`.
    #[arg(last = true)]
    agent: Vec<OsString>,
}

impl Arguments {
    /// Whether the agent is given a flag, as `--flag` or `--flag=value`.
    fn passes(&self, flag: &str) -> bool {
        self.agent.iter().any(|word| {
            let word = word.to_string_lossy();
            word.split('=').next() == Some(flag)
        })
    }
}

/// `cargo xtask build-and-load`
pub(crate) fn run(arguments: &Arguments, workspace: &Workspace, caller: &Caller) -> Result<()> {
    let pins = !arguments.demo && !arguments.passes("--no-pin");
    checks::all(pins, caller)?;
    if !caller.is_root() && command::find("sudo").is_none() {
        eprintln!("note: there is no sudo here, so you will be told which command root must run");
    }
    let interfaces = if arguments.demo {
        Vec::new()
    } else {
        interfaces(arguments)?
    };
    build::all(Profile::Release, workspace, caller)?;
    let agent = workspace.agent(Profile::Release);
    if arguments.demo {
        return start_demo(arguments, agent, caller);
    }
    let out = out_folder(arguments)?;
    let command = agent_command(&agent, &interfaces, out.as_deref(), &arguments.agent);
    become_root_and(command, caller)
}

/// Empty: the configuration file names them.
fn interfaces(arguments: &Arguments) -> Result<Vec<String>> {
    let named = &arguments.iface;
    for name in named {
        checks::interface(name)?;
    }
    if !named.is_empty() || arguments.passes("--config") {
        return Ok(named.clone());
    }
    let found = route::default_interface().ok_or_else(|| {
        Usage("there is no default route: name the interface with --iface".to_owned())
    })?;
    eprintln!("metering {found}, the interface of the default route");
    Ok(vec![found])
}

/// None: the arguments for the agent, or its configuration file, name it.
fn out_folder(arguments: &Arguments) -> Result<Option<PathBuf>> {
    let is_named = arguments.passes("--out") || arguments.passes("--config");
    let folder = match &arguments.out {
        Some(folder) => folder.clone(),
        None if is_named => return Ok(None),
        None => PathBuf::from("collector-flows"),
    };
    let folder = env::current_dir()
        .context("the current folder is gone")?
        .join(folder);
    eprintln!(
        "flow files go to {0}, for root only: sudo sh -c 'zstdcat {0}/*.zst*'",
        folder.display()
    );
    Ok(Some(folder))
}

fn agent_command(
    agent: &Path,
    interfaces: &[String],
    out: Option<&Path>,
    more: &[OsString],
) -> Vec<OsString> {
    let mut words = vec![agent.into(), "run".into()];
    for name in interfaces {
        words.extend(["--iface".into(), name.into()]);
    }
    if let Some(out) = out {
        words.extend(["--out".into(), out.into()]);
    }
    words.extend_from_slice(more);
    words
}

fn start_demo(arguments: &Arguments, agent: PathBuf, caller: &Caller) -> Result<()> {
    let demo = demo::Arguments {
        agent,
        seconds: arguments.seconds,
        more: arguments.agent.clone(),
    };
    if caller.is_root() {
        return demo::run(&demo, caller);
    }
    let mut words = vec![env::current_exe()?.into(), "demo".into()];
    words.extend(demo.words());
    become_root_and(words, caller)
}

/// Replaces this process, so that Ctrl-C and the exit code are the agent's own.
fn become_root_and(words: Vec<OsString>, caller: &Caller) -> Result<()> {
    let mut words = words.into_iter();
    let program = words.next().unwrap_or_default();
    let mut command = Command::new(&program);
    if !caller.is_root() {
        let Some(sudo) = command::find("sudo") else {
            command.args(words);
            bail!(
                "sudo is missing; as root, run: {}",
                command::shown(&command)
            );
        };
        command = Command::new(sudo);
        command.arg("--").arg(&program);
    }
    command.args(words);
    eprintln!("starting: {}", command::shown(&command));
    let error = command.exec();
    Err(error).with_context(|| format!("starting {}", program.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Arguments {
        use clap::{Args, Command, FromArgMatches};
        let command = Arguments::augment_args(Command::new("xtask"));
        let matches = command.get_matches_from(line.split(' '));
        Arguments::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn flow_files_go_below_the_current_folder_unless_named() {
        let here = env::current_dir().unwrap();
        let of = |line| out_folder(&parse(line)).unwrap();
        assert_eq!(of("xtask"), Some(here.join("collector-flows")));
        assert_eq!(of("xtask --out /srv/flows"), Some("/srv/flows".into()));
        assert_eq!(of("xtask -- --out=/srv/flows"), None);
        assert_eq!(of("xtask -- --config meter.toml"), None);
    }

    #[test]
    fn a_configuration_file_may_name_the_interfaces() {
        assert!(
            interfaces(&parse("xtask -- --config meter.toml"))
                .unwrap()
                .is_empty()
        );
        assert_eq!(interfaces(&parse("xtask --iface lo")).unwrap(), ["lo"]);
    }

    #[test]
    fn agent_arguments_come_after_ours() {
        let words = agent_command(
            Path::new("/t/collector"),
            &["eth0".to_owned(), "eth1".to_owned()],
            Some(Path::new("/srv/flows")),
            &["--payload".into(), "none".into()],
        );
        let expected = "/t/collector run --iface eth0 --iface eth1 --out /srv/flows --payload none";
        assert_eq!(
            words,
            expected.split(' ').map(OsString::from).collect::<Vec<_>>()
        );
    }
}
