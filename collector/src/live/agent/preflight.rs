//! What is looked at before anything is loaded.

use anyhow::{Context, bail};

use super::super::{
    Options,
    interface::Interface,
    pins::{PinFolder, folders_naming},
};

/// The oldest kernel that the programs were tried on.
const OLDEST: (u32, u32) = (6, 1);

/// # Errors
/// A kernel before [`OLDEST`]; one that gives no number is tried.
pub(super) fn refuse_old_kernel() -> anyhow::Result<()> {
    let name = nix::sys::utsname::uname().context("asking for the kernel's version")?;
    let release = name.release().to_string_lossy().into_owned();
    if version_of(&release).is_some_and(|version| version < OLDEST) {
        let (major, minor) = OLDEST;
        bail!("Linux {major}.{minor} or newer is needed, and this is {release}");
    }
    Ok(())
}

/// `6.1` of `6.1.0-28-amd64`.
fn version_of(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Pins that this agent would neither take over nor remove: programs of a dead one count on there.
pub(super) fn refuse_pins(
    options: &Options,
    interfaces: &[Interface],
    ours: &PinFolder,
) -> anyhow::Result<()> {
    let found = folders_naming(&options.pin_root, interfaces)?;
    let foreign =
        |folder: &&PinFolder| folder.path() != ours.path() || (!options.pin && folder.holds_maps());
    if let Some(folder) = found.iter().find(foreign) {
        bail!(
            "a dead agent of another version, of another set of interfaces or without --no-pin \
             left programs and counts in {}; start the same once more to write them, or drop them \
             with `collector detach --iface {}`",
            folder.path().display(),
            options.interfaces.join(" --iface ")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::version_of;

    #[test]
    fn a_kernel_release_starts_with_its_version() {
        assert_eq!(version_of("6.1.0-28-amd64"), Some((6, 1)));
        assert_eq!(version_of("5.15.0"), Some((5, 15)));
        assert_eq!(version_of("nonsense"), None);
    }
}
