//! What is looked at before anything is loaded.

use anyhow::{Context, bail};

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
