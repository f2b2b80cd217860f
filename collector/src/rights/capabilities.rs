//! Capabilities (capabilities(7)): all go, but those that this kernel wants for what is left to do.

use std::fmt;

use anyhow::Context;
use caps::{CapSet, Capability, CapsHashSet, errors::CapsError, securebits};
use nix::errno::Errno;

/// A capability that stays, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) capability: Capability,
    what_for: &'static str,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.capability, self.what_for)
    }
}

/// To take filters off clsact at the stop.
pub(super) const FOR_FILTERS: Kept = Kept {
    capability: Capability::CAP_NET_ADMIN,
    what_for: "removes its clsact filters at the stop",
};

const FOR_MAPS: Kept = Kept {
    capability: Capability::CAP_BPF,
    what_for: "this kernel wants it for map calls",
};

/// Whether the process may do now what `capability` is for.
pub(super) fn has(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false)
}

/// No program that is started gets any; those of this process survive a change of user, but are not
/// in force until [`leave`].
pub(super) fn keep_over_user_change() -> Result<(), CapsError> {
    // Without CAP_SETPCAP the bounding set stays: nothing is executed any more.
    if has(Capability::CAP_SETPCAP) {
        caps::clear(None, CapSet::Bounding)?;
    }
    caps::clear(None, CapSet::Ambient)?;
    securebits::set_keepcaps(true)
}

/// What `probe` needs, found by trying it with none in force.
pub(super) fn needed(mut probe: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Vec<Kept>> {
    caps::clear(None, CapSet::Effective).context("giving up capabilities")?;
    let Err(error) = probe() else {
        return Ok(Vec::new());
    };
    let held = caps::has_cap(None, CapSet::Permitted, FOR_MAPS.capability);
    if !is_denied(&error) || !held.unwrap_or(false) {
        return Err(error.context("calls of bpf(2) without capabilities"));
    }
    caps::raise(None, CapSet::Effective, FOR_MAPS.capability).context("raising CAP_BPF")?;
    probe().context("calls of bpf(2) with CAP_BPF alone")?;
    Ok(vec![FOR_MAPS])
}

fn is_denied(error: &anyhow::Error) -> bool {
    let mut causes = error.chain();
    causes.any(|cause| {
        let system = cause.downcast_ref::<std::io::Error>();
        system.is_some_and(|error| error.raw_os_error() == Some(Errno::EPERM as i32))
    })
}

/// From now on there are `kept`, and no others in any set.
pub(super) fn leave(kept: &[Kept]) -> Result<(), CapsError> {
    let kept: CapsHashSet = kept.iter().map(|kept| kept.capability).collect();
    let held = caps::read(None, CapSet::Permitted)?;
    let kept = kept.intersection(&held).copied().collect();
    caps::clear(None, CapSet::Inheritable)?;
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)?;
    securebits::set_keepcaps(false)
}

/// From now on there is `one`, if the process had it; whether it has.
pub(super) fn leave_but(one: Capability) -> Result<bool, CapsError> {
    leave(&[Kept {
        capability: one,
        what_for: "",
    }])?;
    Ok(has(one))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn only_a_missing_right_is_made_good_by_a_right() {
        let denied = anyhow::Error::new(io::Error::from_raw_os_error(libc::EPERM));
        assert!(is_denied(&denied.context("a map call")));
        let other = anyhow::Error::new(io::Error::from_raw_os_error(libc::EINVAL));
        assert!(!is_denied(&other));
    }
}
