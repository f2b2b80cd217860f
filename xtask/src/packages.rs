//! Debian packages: the programs that the tests talk to, and those that benchmarks compare with.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::{caller::Caller, command};

/// A package and why it is needed.
pub(crate) struct Package {
    name: &'static str,
    reason: &'static str,
}

const fn package(name: &'static str, reason: &'static str) -> Package {
    Package { name, reason }
}

/// nDPI's own program.
pub(crate) const LIBNDPI: &[Package] = &[package("libndpi-bin", "ndpiReader, to compare with")];
/// A flow meter without DPI.
pub(crate) const SOFTFLOWD: &[Package] = &[package("softflowd", "to compare with")];
/// What virtual environments are made with.
pub(crate) const PYTHON: &[Package] = &[
    package(
        "python3",
        "runs NFStream, OpenDP and Prometheus' reader, to compare with",
    ),
    package("python3-venv", "holds them"),
];

/// What the tests talk to.
pub(crate) const PEERS: &[Package] = &[
    package("iproute2", "network namespaces, veth pairs, clsact"),
    package("ethtool", "switches offloads on and off"),
    package("bpftool", "shows that nothing of ours stays in the kernel"),
    package("nginx-light", "HTTP and TLS server"),
    package("curl", "HTTP and TLS client"),
    package("openssl", "certificates and TLS 1.2 / 1.3 clients"),
    package("openssh-server", "SSH server"),
    package("openssh-client", "SSH client"),
    package("dnsmasq-base", "DNS server"),
    package("unbound", "resolver that recurses"),
    package("iperf3", "TCP and UDP with segmentation offload"),
    package("python3", "runs the SMTP server"),
    package("python3-aiosmtpd", "SMTP server with STARTTLS"),
    package("zstd", "reads our files with a tool that is not ours"),
];

/// Installs what is missing. Needs root and apt; without them says which packages to install.
pub(crate) fn install(caller: &Caller, packages: &[Package]) -> Result<()> {
    if command::find("dpkg-query").is_none() {
        bail!("this is no Debian: install by hand\n{}", list(packages));
    }
    let missing: Vec<&Package> = packages
        .iter()
        .filter(|package| !is_installed(package.name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    if !caller.is_root() {
        bail!(
            "Debian packages are missing and only root can install them: \
             sudo apt-get install --no-install-recommends {}",
            names.join(" ")
        );
    }
    eprintln!("setup: installing Debian packages\n{}", list(missing));
    let _quiet = NoServices::enter().context("keeping new services from starting")?;
    command::run(apt_get().arg("update"))?;
    command::run(
        apt_get()
            .args(["install", "--yes", "--no-install-recommends"])
            .args(names),
    )
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-qq").env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn list<'a>(packages: impl IntoIterator<Item = &'a Package>) -> String {
    let lines = packages
        .into_iter()
        .map(|package| format!("  {:17} {}", package.name, package.reason));
    lines.collect::<Vec<_>>().join("\n")
}

/// The installed version of the first of them.
pub(crate) fn version(packages: &[Package]) -> Result<String> {
    let name = packages.first().context("no package")?.name;
    let mut query = Command::new("dpkg-query");
    command::read(query.args(["--show", "--showformat=${Version}", name]))
}

fn is_installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Abbrev}", package]);
    command::read(&mut query).is_ok_and(|status| status.starts_with("ii"))
}

/// Debian starts a service when its package is installed, unless this file says no.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// While it lives no service is started; then the machine is as it was.
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn enter() -> io::Result<Self> {
        let path = Path::new(POLICY);
        if path.exists() {
            return Ok(Self { ours: false });
        }
        fs::write(path, "#!/bin/sh\nexit 101\n")?;
        let guard = Self { ours: true };
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        Ok(guard)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!("warning: remove {POLICY} by hand: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_named_once_and_has_a_reason() {
        for (index, package) in PEERS.iter().enumerate() {
            assert!(!package.reason.is_empty());
            let again = PEERS[index + 1..]
                .iter()
                .any(|other| other.name == package.name);
            assert!(!again, "{} twice", package.name);
        }
    }

    #[test]
    fn the_list_has_a_line_for_each_package() {
        assert_eq!(list(PEERS).lines().count(), PEERS.len());
    }
}
