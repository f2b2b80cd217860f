use anyhow::Result;

use super::{Server, folder};
use crate::netns::Namespace;

/// iperf3, one test after another.
///
/// # Errors
/// iperf3 is missing, or the port is taken.
pub fn iperf_server(namespace: &Namespace, port: u16) -> Result<Server> {
    let mut command = namespace.command("iperf3");
    command.args(["--server", "--port", &port.to_string()]);
    Server::start(namespace, folder()?, &mut command, &[port])
}
