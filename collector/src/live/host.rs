//! What changes on the host while it is metered: each change is counted and said, and where hooks no
//! longer see what the wire carries, the agent has to end and begin anew.

mod clocks;

use std::io;

use collector_common::schema::HostChanges;
use tracing::{info, warn};

pub(super) use self::clocks::Clocks;
use super::{
    attach::Attachment,
    ethtool::{Ethtool, Offloads},
    interface::Interface,
    links::Links,
};

/// Looks between two questions about offloads: there are seven an interface, and they change seldom.
const OFFLOADS_EVERY: u32 = 10;

/// Why the agent can't go on. It writes all it has, lets go of everything and ends with exit code 1;
/// a service manager starts it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// With its hooks.
    #[error("{interface} is gone, and its hooks with it; start again when it is back")]
    Gone {
        /// By the name it had last.
        interface: String,
    },
    /// Somebody took the clsact qdisc or the filter away, and to put it back takes rights.
    #[error("somebody removed the filter from {interface}; start again to put it back")]
    Unhooked {
        /// By its name.
        interface: String,
    },
    /// XDP no longer sees the packets of the wire.
    #[error(
        "{interface} now joins packets or strips their tags before XDP sees them ({changed}); start \
         again to meter it at TC, or switch that off"
    )]
    Hidden {
        /// By its name.
        interface: String,
        /// What was switched on.
        changed: String,
    },
    /// A folder made anew is another one, which the sandbox does not know.
    #[error(
        "the output folder is gone, and with it what was in no closed file yet; start again to make \
         it anew"
    )]
    Homeless,
}

/// Looks at the host, without rights: sockets are opened at the start.
pub(super) struct HostWatch {
    links: Links,
    ethtool: Ethtool,
    interfaces: Vec<Watched>,
    clocks: Clocks,
    changes: HostChanges,
    looks: u32,
}

/// An interface as it was last seen.
struct Watched {
    now: Interface,
    offloads: Offloads,
}

impl HostWatch {
    /// From now on.
    ///
    /// # Errors
    /// Sockets are refused.
    pub(super) fn begin(interfaces: &[Interface], clocks: Clocks) -> io::Result<Self> {
        let ethtool = Ethtool::open()?;
        let watched = |one: &Interface| Watched {
            now: one.clone(),
            offloads: ethtool.offloads(&one.name),
        };
        Ok(Self {
            interfaces: interfaces.iter().map(watched).collect(),
            links: Links::open()?,
            ethtool,
            clocks,
            changes: HostChanges::default(),
            looks: 0,
        })
    }

    /// Goes on with what earlier agents had counted.
    pub(super) fn resume(&mut self, before: &HostChanges) {
        self.changes = self.changes.plus(before);
    }

    /// What has changed so far.
    pub(super) fn changes(&self) -> HostChanges {
        self.changes
    }

    /// Looks at the interfaces alone, for their counters; one that is gone is found by the next look.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub(super) fn refresh(&mut self) -> anyhow::Result<()> {
        self.look_at_interfaces().map(drop)
    }

    /// The interfaces as they were last seen.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = &Interface> {
        self.interfaces.iter().map(|watched| &watched.now)
    }

    /// The interface of number `index`, by the name it has now.
    pub(super) fn name(&self, index: u32) -> &str {
        let mut named = self.interfaces();
        named
            .find(|one| one.index == index)
            .map_or("", |one| one.name.as_str())
    }

    /// Looks once. `Some`: the agent has to end.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub(super) fn look(
        &mut self,
        hooks: &[Attachment],
        clocks: Clocks,
    ) -> anyhow::Result<Option<Ended>> {
        self.look_at_clocks(clocks);
        let ended = match self.look_at_interfaces()? {
            None => self.look_at_hooks(hooks)?,
            gone => gone,
        };
        let ended = match ended {
            None if self.looks.is_multiple_of(OFFLOADS_EVERY) => self.look_at_offloads(hooks),
            ended => ended,
        };
        self.looks = self.looks.wrapping_add(1);
        self.changes.hook_gone += u64::from(ended.is_some());
        Ok(ended)
    }

    fn look_at_clocks(&mut self, clocks: Clocks) {
        let moved = clocks.since(&self.clocks);
        self.clocks = clocks;
        if let Some(step) = moved.step {
            self.changes.clock_steps += 1;
            warn!(
                milliseconds = step / 1_000_000,
                "the clock was set: hours and days follow it from now on, also those of flows that \
                 are under way"
            );
        }
        if let Some(slept) = moved.slept {
            self.changes.suspends += 1;
            warn!(
                seconds = slept / 1_000_000_000,
                "the host slept: flows that were quiet for it end now"
            );
        }
    }

    fn look_at_interfaces(&mut self) -> anyhow::Result<Option<Ended>> {
        for watched in &mut self.interfaces {
            match Interface::numbered(&mut self.links, watched.now.index)? {
                Some(now) => watched.became(now, &mut self.changes),
                None => {
                    let interface = watched.now.name.clone();
                    return Ok(Some(Ended::Gone { interface }));
                }
            }
        }
        Ok(None)
    }

    fn look_at_hooks(&mut self, hooks: &[Attachment]) -> anyhow::Result<Option<Ended>> {
        for hook in hooks {
            if let Some(filter) = hook.filter()
                && !self.links.has(&filter)?
            {
                let interface = self.name(hook.interface).to_owned();
                return Ok(Some(Ended::Unhooked { interface }));
            }
        }
        Ok(None)
    }

    fn look_at_offloads(&mut self, hooks: &[Attachment]) -> Option<Ended> {
        let mut ended = None;
        for watched in &mut self.interfaces {
            let interface = &watched.now.name;
            let now = self.ethtool.offloads(interface);
            let before = std::mem::replace(&mut watched.offloads, now);
            let changed = before.changed(&watched.offloads).join(", ");
            if changed.is_empty() {
                continue;
            }
            self.changes.offloads += 1;
            let by_xdp = |hook: &Attachment| hook.interface == watched.now.index && hook.is_xdp;
            if hooks.iter().any(by_xdp) && watched.offloads.hides_from_xdp_since(&before) {
                let interface = interface.clone();
                ended = Some(Ended::Hidden { interface, changed });
            } else {
                info!(interface, changed, "offloads changed; counts stay exact");
            }
        }
        ended
    }
}

impl Watched {
    fn became(&mut self, now: Interface, changes: &mut HostChanges) {
        let before = std::mem::replace(&mut self.now, now);
        let now = &self.now;
        let interface = &now.name;
        if before.name != *interface {
            changes.renamed += 1;
            info!(before = before.name, interface, "the interface was renamed");
        }
        if before.mtu != now.mtu {
            changes.mtu += 1;
            info!(
                interface,
                before = before.mtu,
                mtu = now.mtu,
                "the MTU changed"
            );
        }
        let went = u64::from(now.downs.saturating_sub(before.downs));
        let went = went.max(u64::from(before.is_up && !now.is_up));
        changes.link_down += went;
        if !now.is_up && (before.is_up || went > 0) {
            warn!(interface, "the interface is down; its hooks wait");
        } else if now.is_up && (!before.is_up || went > 0) {
            info!(interface, times_down = went, "the interface is up again");
        }
    }
}
