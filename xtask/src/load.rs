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

/// `cargo xtask build-and-load`
pub(crate) fn run(arguments: &Arguments, workspace: &Workspace, caller: &Caller) -> Result<()> {
    let pins = !arguments.demo && !arguments.agent.iter().any(|word| word == "--no-pin");
    checks::all(pins, caller)?;
    if !caller.is_root() && command::find("sudo").is_none() {
        eprintln!("note: there is no sudo here, so you will be told which command root must run");
    }
    let interfaces = if arguments.demo {
        Vec::new()
    } else {
        interfaces(&arguments.iface)?
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

fn interfaces(named: &[String]) -> Result<Vec<String>> {
    if named.is_empty() {
        let found = route::default_interface().ok_or_else(|| {
            Usage("there is no default route: name the interface with --iface".to_owned())
        })?;
        eprintln!("metering {found}, the interface of the default route");
        return Ok(vec![found]);
    }
    for name in named {
        checks::interface(name)?;
    }
    Ok(named.to_vec())
}

/// None: the arguments for the agent name it.
fn out_folder(arguments: &Arguments) -> Result<Option<PathBuf>> {
    let named_behind_dashes = arguments.agent.iter().any(|word| {
        let word = word.to_string_lossy();
        word == "--out" || word.starts_with("--out=")
    });
    if named_behind_dashes {
        return Ok(None);
    }
    let folder = arguments.out.clone();
    let folder = folder.unwrap_or_else(|| PathBuf::from("collector-flows"));
    let folder = env::current_dir()
        .context("the current folder is gone")?
        .join(folder);
    eprintln!("flow files go to {}", folder.display());
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
        return demo::run(&demo);
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
