use std::{fs, net::SocketAddr};

use anyhow::Result;

use super::{Server, folder};
use crate::netns::Namespace;

/// A resolver that runs as `user` and recurses: it asks the authority of `example.` at `upstream`
/// itself, each time from another port.
///
/// # Errors
/// unbound is missing, the port is taken, or there is no such user.
pub fn unbound(
    namespace: &Namespace,
    user: &str,
    port: u16,
    upstream: SocketAddr,
) -> Result<Server> {
    let folder = folder()?;
    let (address, upstream_port) = (upstream.ip(), upstream.port());
    let config = folder.path().join("unbound.conf");
    // The iterator alone: what is served here is not signed.
    let text = format!(
        "server:\n  do-daemonize: no\n  use-syslog: no\n  chroot: \"\"\n  pidfile: \"\"\n  \
         username: \"{user}\"\n  interface: 127.0.0.1\n  port: {port}\n  \
         access-control: 127.0.0.0/8 allow\n  module-config: \"iterator\"\n  num-threads: 1\n\
         remote-control:\n  control-enable: no\n\
         stub-zone:\n  name: \"example\"\n  stub-addr: {address}@{upstream_port}\n"
    );
    fs::write(&config, text)?;
    let mut command = namespace.command("unbound");
    command.args(["-d", "-p", "-c"]).arg(config);
    Server::start(namespace, folder, &mut command, &[port])
}
