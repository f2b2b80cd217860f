//! Asking a running agent, and cleaning up after a dead one.

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;

use super::{
    Options,
    attach::remove_filters,
    conservation::Status,
    interface::Interface,
    pins::{Lock, folders_naming},
};
use crate::watching::health::Glance;

/// Longer than a walk over the largest table.
const PATIENCE: Duration = Duration::from_secs(10);

/// The status of the agent behind `socket`.
///
/// # Errors
/// Nobody listens there, or the answer is not understood.
pub fn ask(socket: &Path) -> anyhow::Result<Status> {
    answer(socket, "status\n")
}

/// What `collector top` shows of the agent behind `socket`.
///
/// # Errors
/// As [`ask`].
pub fn ask_glance(socket: &Path) -> anyhow::Result<Glance> {
    answer(socket, "top\n")
}

fn answer<T: DeserializeOwned>(socket: &Path, question: &str) -> anyhow::Result<T> {
    let mut stream = UnixStream::connect(socket).map_err(|error| no_answer(socket, error))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // One that goes away at this moment has no answer either, which the reading tells.
    let _ = stream.write_all(question.as_bytes());
    let mut line = String::new();
    BufReader::new(stream)
        .read_line(&mut line)
        .context("reading the agent's answer")?;
    serde_json::from_str(&line).context("the agent's answer is not understood: other versions?")
}

/// Without rights nobody knows whether an agent runs.
fn no_answer(place: &Path, error: io::Error) -> anyhow::Error {
    let advice = if error.kind() == io::ErrorKind::PermissionDenied {
        "only root can ask it: use sudo"
    } else {
        "is `collector run` running?"
    };
    let message = format!("no agent answers at {}; {advice}", place.display());
    anyhow::Error::new(error).context(message)
}

/// The one socket below `root` that an agent listens on; a killed agent leaves its own behind.
///
/// # Errors
/// None, or several: then `--iface` tells them apart.
pub fn only_socket(root: &Path) -> anyhow::Result<std::path::PathBuf> {
    let entries = std::fs::read_dir(root).map_err(|error| no_answer(root, error))?;
    let mut sockets = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "sock") && !is_left(&path) {
            sockets.push(path);
        }
    }
    match sockets.as_slice() {
        [one] => Ok(one.clone()),
        [] => bail!("no agent runs here ({} holds no socket)", root.display()),
        several => bail!("{} agents run here; name one with --iface", several.len()),
    }
}

/// Nobody listens there any more. What can't be asked for another reason counts as alive, so that
/// the reason is told.
fn is_left(socket: &Path) -> bool {
    UnixStream::connect(socket)
        .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

/// Removes programs, maps and filters that dead agents left on these interfaces, and the counts
/// in them. Returns how many folders and filters went; zero is fine.
///
/// # Errors
/// A living agent holds an interface; a right is missing.
pub fn detach(options: &Options) -> anyhow::Result<usize> {
    let named = options.interfaces.iter().map(|name| Interface::named(name));
    let interfaces: Vec<_> = named.collect::<Result<_, _>>()?;
    let _lock = Lock::take(&options.run_root, &interfaces)?;
    let mut removed = 0;
    for folder in folders_naming(&options.pin_root, &interfaces)? {
        folder
            .remove()
            .with_context(|| format!("removing {}", folder.path().display()))?;
        removed += 1;
    }
    for interface in &interfaces {
        removed += remove_filters(interface)?;
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn who_may_not_ask_is_told_who_may() {
        let told = |kind| no_answer(Path::new("/run/collector"), io::Error::from(kind)).to_string();
        assert_eq!(
            told(io::ErrorKind::PermissionDenied),
            "no agent answers at /run/collector; only root can ask it: use sudo"
        );
        assert_eq!(
            told(io::ErrorKind::NotFound),
            "no agent answers at /run/collector; is `collector run` running?"
        );
    }

    #[test]
    fn the_socket_of_a_killed_agent_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let dead = folder.path().join("net1_if2.sock");
        drop(UnixListener::bind(&dead).unwrap());
        assert!(dead.exists());
        assert!(only_socket(folder.path()).is_err());
        let alive = folder.path().join("net1_if3.sock");
        let _listener = UnixListener::bind(&alive).unwrap();
        assert_eq!(only_socket(folder.path()).unwrap(), alive);
    }

    #[test]
    fn two_agents_are_told_apart_by_name_only() {
        let folder = tempfile::tempdir().unwrap();
        let sockets = ["net1_if2.sock", "net1_if3.sock", "net1_if3.lock"]
            .map(|name| UnixListener::bind(folder.path().join(name)).unwrap());
        let error = only_socket(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("2 agents") && error.contains("--iface"),
            "{error}"
        );
        drop(sockets);
    }

    #[test]
    fn an_answer_that_is_none_is_an_error_and_no_panic() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let server = std::thread::spawn(move || {
            use std::io::Write;
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"{\"version\": 7}\n").unwrap();
        });
        let error = ask(&socket).unwrap_err().to_string();
        assert!(error.contains("not understood"), "{error}");
        server.join().unwrap();
    }
}
