use std::{fs, path::Path, process::Command};

use anyhow::Result;

use super::{Server, folder};
use crate::netns::{Namespace, run};

/// Name of the client's key in the server's folder: root may log in with it.
pub const CLIENT_KEY: &str = "client-key";

/// OpenSSH on `port`, with host key and client key of its own.
///
/// # Errors
/// sshd is missing, or the port is taken.
pub fn sshd(namespace: &Namespace, port: u16) -> Result<Server> {
    // sshd refuses to start without its empty folder, which only a boot makes.
    fs::create_dir_all("/run/sshd")?;
    let folder = folder()?;
    let path = folder.path();
    make_key(&path.join("host-key"))?;
    make_key(&path.join(CLIENT_KEY))?;
    let place = path.display();
    let text = format!(
        "Port {port}\nHostKey {place}/host-key\nPidFile none\nUsePAM no\nStrictModes no\n\
         PermitRootLogin prohibit-password\nPasswordAuthentication no\n\
         AuthorizedKeysFile {place}/{CLIENT_KEY}.pub\nUseDNS no\n"
    );
    let configuration = path.join("sshd_config");
    fs::write(&configuration, text)?;
    // sshd wants its absolute path, because it starts itself again for each connection.
    let mut command = namespace.command("/usr/sbin/sshd");
    command.args(["-D", "-e", "-f"]).arg(configuration);
    Server::start(namespace, folder, &mut command, &[port])
}

fn make_key(path: &Path) -> Result<()> {
    let mut command = Command::new("ssh-keygen");
    command
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(path);
    run(&mut command).map(drop)
}
