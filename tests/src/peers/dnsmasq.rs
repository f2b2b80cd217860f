use anyhow::Result;

use super::{SERVER_NAME, Server, folder};
use crate::netns::Namespace;

/// A DNS server over UDP and TCP that knows the addresses of [`SERVER_NAME`] and refuses all
/// else.
///
/// # Errors
/// dnsmasq is missing, or the port is taken.
pub fn dnsmasq(namespace: &Namespace, port: u16) -> Result<Server> {
    let mut command = namespace.command("dnsmasq");
    command.args([
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
    ]);
    command.args([
        "--user=root",
        "--group=root",
        "--pid-file=",
        "--log-facility=-",
    ]);
    command.arg(format!("--port={port}"));
    command.arg(format!(
        "--host-record={SERVER_NAME},192.0.2.80,2001:db8::80"
    ));
    Server::start(namespace, folder()?, &mut command, &[port])
}
