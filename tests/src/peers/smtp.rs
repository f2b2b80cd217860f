use anyhow::Result;

use super::{Certificate, SERVER_NAME, Server, folder};
use crate::netns::Namespace;

const SCRIPT: &str = include_str!("smtp.py");

/// A mail server that offers STARTTLS and takes any message.
///
/// # Errors
/// Debian's python3-aiosmtpd is missing, or the port is taken.
pub fn smtp_server(namespace: &Namespace, port: u16) -> Result<Server> {
    let folder = folder()?;
    let certificate = Certificate::make(folder.path())?;
    // Debian's Python, because the module is a Debian package.
    let mut command = namespace.command("/usr/bin/python3");
    command.args(["-c", SCRIPT, SERVER_NAME, &port.to_string()]);
    command.args([&certificate.certificate, &certificate.key]);
    Server::start(namespace, folder, &mut command, &[port])
}
