//! What happened to the host while it was metered.

use serde::{Deserialize, Serialize};

/// Changes of the host that the meter noticed, by kind: each is a line of its log, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostChanges {
    /// An interface lost its link or was switched off, and metering waited.
    pub link_down: u64,
    /// An interface got another name.
    pub renamed: u64,
    /// An interface got another MTU.
    pub mtu: u64,
    /// An interface got other offloads or queues.
    pub offloads: u64,
    /// An interface or a hook went, and the meter ended for it.
    pub hook_gone: u64,
    /// The wall clock was set, by more than half a second.
    pub clock_steps: u64,
    /// The host slept.
    pub suspends: u64,
}

impl HostChanges {
    /// What has been added since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        self.each(earlier, u64::saturating_sub)
    }

    /// Both; stays at the largest number instead of wrapping.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.each(other, u64::saturating_add)
    }

    fn each(&self, other: &Self, join: fn(u64, u64) -> u64) -> Self {
        Self {
            link_down: join(self.link_down, other.link_down),
            renamed: join(self.renamed, other.renamed),
            mtu: join(self.mtu, other.mtu),
            offloads: join(self.offloads, other.offloads),
            hook_gone: join(self.hook_gone, other.hook_gone),
            clock_steps: join(self.clock_steps, other.clock_steps),
            suspends: join(self.suspends, other.suspends),
        }
    }
}
