use std::{net::SocketAddr, process::Command};

use anyhow::Result;

use super::{SERVER_NAME, Server, folder};
use crate::netns::Namespace;

/// A DNS server over UDP and TCP that knows the addresses of [`SERVER_NAME`] and refuses all
/// else.
///
/// # Errors
/// dnsmasq is missing, or the port is taken.
pub fn dnsmasq(namespace: &Namespace, port: u16) -> Result<Server> {
    let mut command = plain(namespace, "root", port);
    command.arg(format!(
        "--host-record={SERVER_NAME},192.0.2.80,2001:db8::80"
    ));
    Server::start(namespace, folder()?, &mut command, &[port])
}

/// A resolver that runs as `user` and asks the DNS server at `upstream` for all it does not know,
/// each time from another port.
///
/// # Errors
/// As [`dnsmasq`]; there is no such user.
pub fn resolver(
    namespace: &Namespace,
    user: &str,
    port: u16,
    upstream: SocketAddr,
) -> Result<Server> {
    let mut command = plain(namespace, user, port);
    let (address, upstream_port) = (upstream.ip(), upstream.port());
    command.arg(format!("--server={address}#{upstream_port}"));
    Server::start(namespace, folder()?, &mut command, &[port])
}

fn plain(namespace: &Namespace, user: &str, port: u16) -> Command {
    let mut command = namespace.command("dnsmasq");
    command.args([
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
    ]);
    command.args(["--group=root", "--pid-file=", "--log-facility=-"]);
    command.arg(format!("--user={user}"));
    command.arg(format!("--port={port}"));
    command
}
