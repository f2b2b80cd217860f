//! What the agent looks out for while it runs, and says in the log.

use collector_common::{
    books::{Books, Hook, Reason},
    settings::SECOND,
    wire::Tally,
};
use tracing::{info, warn};

use super::super::{interface::Interface, kernel::Kernel};
use crate::sink::recover::Recovered;

/// What a crash left on the disk, and could not be taken up.
pub(super) fn report_recovery(recovered: &Recovered) {
    if recovered.torn_bytes > 0 {
        warn!(
            bytes = recovered.torn_bytes,
            "cut off an unfinished frame behind a spool"
        );
    }
    for error in &recovered.left {
        warn!("a spool stays as it is: {error}");
    }
}

/// Whether the hooks see what the interfaces count: another program may hide ours.
pub(super) struct HookWatch {
    /// Counters of the interfaces when the agent started.
    base: [Tally; 2],
    seen_base: [Tally; 2],
    looks: u32,
    told: [bool; 2],
}

/// Ticks after which a hook that saw nothing is reported.
const PATIENCE: u32 = 5;

impl HookWatch {
    pub(super) fn new(interfaces: &[Interface], kernel: &Kernel) -> anyhow::Result<Self> {
        let seen_base = Books::sum(&kernel.books.read()?).seen;
        Ok(Self {
            base: sum_counters(interfaces.iter()),
            seen_base,
            looks: 0,
            told: [false; 2],
        })
    }

    /// What `interfaces` counted since the agent started.
    pub(super) fn interface_counters<'a>(
        &self,
        interfaces: impl Iterator<Item = &'a Interface>,
    ) -> [Tally; 2] {
        let now = sum_counters(interfaces);
        [now[0].since(self.base[0]), now[1].since(self.base[1])]
    }

    /// Packets that earlier agents' hooks saw.
    pub(super) fn seen_before(&self) -> u64 {
        self.seen_base[0].plus(self.seen_base[1]).packets
    }

    /// What the hooks saw since this agent started.
    pub(super) fn seen(&self, books: &Books) -> [Tally; 2] {
        [0, 1].map(|hook: usize| books.seen[hook].since(self.seen_base[hook]))
    }

    pub(super) fn look<'a>(
        &mut self,
        interfaces: impl Iterator<Item = &'a Interface>,
        books: &Books,
    ) {
        if self.told == [true; 2] {
            return;
        }
        let counted = self.interface_counters(interfaces);
        self.looks += 1;
        for hook in Hook::ALL {
            let index = hook as usize;
            let hook = hook.as_str();
            let seen = self.seen(books)[index].packets;
            if self.told[index] {
                continue;
            }
            if seen > 0 {
                info!(hook, packets = seen, "the hook sees packets");
                self.told[index] = true;
            } else if counted[index].packets > 0 && self.looks >= PATIENCE {
                warn!(
                    hook,
                    packets = counted[index].packets,
                    "the interface carries packets that the hook does not see: another program \
                     on it ends the chain before ours (`bpftool net`)"
                );
                self.told[index] = true;
            }
        }
    }
}

/// Says when the table or a ring is too small, at most once a minute.
#[derive(Default)]
pub(super) struct Fullness {
    told: Books,
    told_at: Option<u64>,
}

impl Fullness {
    pub(super) fn look(&mut self, books: &Books, now: u64) {
        let quiet = 60 * SECOND;
        if self
            .told_at
            .is_some_and(|then| now.saturating_sub(then) < quiet)
        {
            return;
        }
        let overflow = found_full(books) - found_full(&self.told);
        let samples = books.samples_lost.saturating_sub(self.told.samples_lost);
        if overflow > 0 {
            warn!(
                packets = overflow,
                "the flow table was full; these packets are in records of their own, or counted as \
                 lost (see --table-size)"
            );
        }
        if samples > 0 {
            warn!(
                samples,
                "a ring of payload samples was full; labels suffer (see --sample-ring and \
                 --inspect-share)"
            );
        }
        if overflow + samples > 0 {
            self.told = *books;
            self.told_at = Some(now);
        }
    }
}

/// Packets that found the table full.
pub(super) fn found_full(books: &Books) -> u64 {
    books.overflow.packets + books.reasons[Reason::OverflowLost as usize].packets
}

fn sum_counters<'a>(interfaces: impl Iterator<Item = &'a Interface>) -> [Tally; 2] {
    interfaces.fold([Tally::default(); 2], |sum, one| {
        let counted = one.hooked();
        [sum[0].plus(counted[0]), sum[1].plus(counted[1])]
    })
}
