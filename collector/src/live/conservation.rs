//! Conservation: seen = metered + reasons; metered = in records and counters + live.

use std::{collections::BTreeMap, time::Duration};

use collector_common::{
    books::{Books, Hook, Reason},
    schema::{Header, HostChanges, Nickname},
    wire::Tally,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{anomalies::Ongoing, locate::leg, rights::Rights, watching::health::Health};

/// Packets and bytes, for people and scripts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Wire packets.
    pub packets: u64,
    /// Wire bytes.
    pub bytes: u64,
}

impl From<Tally> for Amount {
    fn from(tally: Tally) -> Self {
        Self {
            packets: tally.packets,
            bytes: tally.bytes,
        }
    }
}

/// What the agent has taken over from the kernel so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// In records and in counters for failed flows.
    pub written: Tally,
    /// Of `written`, what came as late or overflow records.
    pub late_written: Tally,
}

/// Whether the books hold, in packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Seen less reasons, when the reading began.
    pub from: u64,
    /// The same when it ended: what came meanwhile lies between.
    pub to: u64,
    /// Written, live and on the way.
    pub metered: u64,
    /// How far `metered` lies outside; 0 when the books hold.
    pub difference: u64,
}

impl Balance {
    /// Compares two readings of the kernel's counters with what was found between them.
    ///
    /// Late packets are left out on both sides: those that are in records or back in the table
    /// are known (`late_written`, `settled`); the rest is on the way or was lost in a crash, and
    /// no reading can tell the two apart.
    #[must_use]
    pub fn of(before: &Books, after: &Books, live: Tally, taken: &Taken) -> Self {
        let expected = |books: &Books| {
            (books.seen_total().packets + books.settled.packets + taken.late_written.packets)
                .saturating_sub(books.reasons_total().packets + books.apart().packets)
        };
        let metered = taken.written.packets + live.packets;
        Self::between(expected(before), expected(after), metered)
    }

    /// Where nothing arrives and nothing is on the way any more: late packets are held to account
    /// as well.
    #[must_use]
    pub fn at_rest(books: &Books, live: Tally, written: Tally, lost_in_crash: Tally) -> Self {
        let missing = books.reasons_total().plus(lost_in_crash);
        let expected = books.seen_total().since(missing).packets;
        Self::between(expected, expected, written.packets + live.packets)
    }

    fn between(from: u64, to: u64, metered: u64) -> Self {
        let difference = if metered < from {
            from - metered
        } else {
            metered.saturating_sub(to)
        };
        Self {
            from,
            to,
            metered,
            difference,
        }
    }

    /// The books hold.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.difference == 0
    }
}

/// A pass over the flow table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    /// How long it took.
    pub milliseconds: u64,
    /// Flows that it closed.
    pub flows: u64,
}

/// What passes over the flow table take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweeps {
    /// The last one.
    pub last: Swept,
    /// The one that took longest since this agent started. One that takes longer than a second
    /// costs the next.
    pub longest: Swept,
}

impl Sweeps {
    /// Takes up a pass.
    pub(super) fn count(&mut self, took: Duration, flows: u64) {
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.last = Swept {
            milliseconds,
            flows,
        };
        if milliseconds >= self.longest.milliseconds {
            self.longest = self.last;
        }
    }
}

/// The agent's answer to `collector status`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    /// Version of the agent.
    pub version: String,
    /// Interfaces metered.
    pub interfaces: Vec<String>,
    /// What is attached where.
    pub hooks: Vec<String>,
    /// What it may still do.
    pub rights: Rights,
    /// Seconds since this agent started.
    pub uptime: u64,
    /// What it takes and keeps, in words.
    pub promise: String,
    /// What its files begin with.
    pub header: Header,
    /// The consensus files in use; empty where none is looked for.
    pub consensus: Vec<ConsensusStatus>,
    /// Flows in the table.
    pub live_flows: u64,
    /// Entries the table has.
    pub table_size: u64,
    /// Passes over the table.
    pub sweep: Sweeps,
    /// Packets and bytes of flows that are in no record yet.
    pub live: Amount,
    /// In records and in counters for failed flows, those that could not be put on the disk
    /// included.
    pub written: Amount,
    /// Of it, what the disk did not take for too long, and no file has.
    pub unwritten: Amount,
    /// Records and failed flows written.
    pub flows_written: u64,
    /// By hook: what the programs saw since the maps were made, by agents before this one too.
    pub seen: BTreeMap<String, Amount>,
    /// By hook: of it, since this agent started.
    pub seen_since_start: BTreeMap<String, Amount>,
    /// By hook: what the interfaces' drivers counted since then. They count buffers, not segments,
    /// where offloads are on.
    pub interface: BTreeMap<String, Amount>,
    /// Packets a second over the last seconds, both hooks.
    pub packets_per_second: u64,
    /// By reason: what is in no flow.
    pub reasons: BTreeMap<String, Amount>,
    /// Sent as late or overflow records.
    pub late: Amount,
    /// Of these, what went back into the table.
    pub late_settled: Amount,
    /// Of these, what is in records of its own or of its closing flow.
    pub late_written: Amount,
    /// Late packets that a killed agent had read and not yet put anywhere.
    pub lost_in_crash: Amount,
    /// Flows that an agent of another version had left, and nobody can read.
    pub lost_in_upgrade: u64,
    /// What happened to the host, since the maps were made.
    pub host: HostChanges,
    /// Packets that found the table full.
    pub overflow: u64,
    /// Payload samples handed over.
    pub samples: u64,
    /// Payload samples lost to a full ring.
    pub samples_lost: u64,
    /// Scans, floods and concentration that go on.
    #[serde(default)]
    pub anomalies: Vec<Ongoing>,
    /// Payload samples that nobody looked at, because too many flows were undecided.
    pub samples_shed: u64,
    /// Whether the books hold.
    pub balance: Balance,
    /// What fills up, what is lost, what is wrong.
    pub health: Health,
}

/// What is known of the network to one relay, or from one file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConsensusStatus {
    /// Whose data directory it is in; `null` for a file that was named.
    pub relay: Option<Nickname>,
    /// How many relays it lists; `null`: there is none.
    pub relays: Option<u32>,
    /// Seconds since it came to hold.
    pub age: Option<i64>,
    /// tor should have a newer one.
    pub is_stale: bool,
}

impl ConsensusStatus {
    /// As it is at `now`.
    #[must_use]
    pub fn of(status: &leg::Status, now: Timestamp) -> Self {
        let known = status.known.as_ref();
        Self {
            relay: status.relay,
            relays: known.map(|known| known.relays),
            age: known
                .and_then(|known| known.age(now))
                .map(|age| age.as_secs()),
            is_stale: known.is_some_and(|known| known.is_stale(now)),
        }
    }
}

/// Tallies by reason, zeros included.
#[must_use]
pub(super) fn by_reason(books: &Books) -> BTreeMap<String, Amount> {
    let named = |reason: &Reason| {
        (
            reason.as_str().to_owned(),
            Amount::from(books.reasons[*reason as usize]),
        )
    };
    Reason::ALL.iter().map(named).collect()
}

/// Tallies by hook, zeros included.
#[must_use]
pub(super) fn by_hook(tallies: &[Tally; 2]) -> BTreeMap<String, Amount> {
    let named = |hook: &Hook| {
        (
            hook.as_str().to_owned(),
            Amount::from(tallies[*hook as usize]),
        )
    };
    Hook::ALL.iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(packets: u64) -> Tally {
        Tally {
            packets,
            bytes: packets * 100,
        }
    }

    fn books(seen: u64, malformed: u64, late: u64, settled: u64) -> Books {
        let mut books = Books {
            late: packets(late),
            settled: packets(settled),
            ..Books::default()
        };
        books.seen[0] = packets(seen);
        books.reasons[Reason::Malformed as usize] = packets(malformed);
        books
    }

    #[test]
    fn the_books_hold_when_everything_seen_is_somewhere() {
        let quiet = books(100, 10, 0, 0);
        let taken = Taken {
            written: packets(60),
            ..Taken::default()
        };
        assert!(Balance::of(&quiet, &quiet, packets(30), &taken).holds());
    }

    #[test]
    fn a_missing_packet_and_a_packet_too_many_show() {
        let quiet = books(100, 10, 0, 0);
        let taken = Taken {
            written: packets(60),
            ..Taken::default()
        };
        assert_eq!(
            Balance::of(&quiet, &quiet, packets(29), &taken).difference,
            1
        );
        assert_eq!(
            Balance::of(&quiet, &quiet, packets(31), &taken).difference,
            1
        );
    }

    #[test]
    fn what_arrives_during_the_reading_may_or_may_not_be_in_the_table() {
        let (before, after) = (books(100, 10, 0, 0), books(120, 10, 0, 0));
        let taken = Taken {
            written: packets(60),
            ..Taken::default()
        };
        for live in 30..=50 {
            assert!(Balance::of(&before, &after, packets(live), &taken).holds());
        }
        assert!(!Balance::of(&before, &after, packets(51), &taken).holds());
    }

    #[test]
    fn at_rest_a_late_packet_is_written_live_or_known_to_be_lost() {
        // 10 late: 4 back in the table, 3 in records, 2 lost in a crash, 1 nowhere.
        let books = books(100, 0, 10, 4);
        let balance = Balance::at_rest(&books, packets(0), packets(97), packets(2));
        assert_eq!(balance.difference, 1);
        assert!(Balance::at_rest(&books, packets(0), packets(97), packets(3)).holds());
    }

    #[test]
    fn late_packets_count_once_they_are_written_or_back_in_the_table() {
        // 10 late: 4 back in the table, 3 in records, 3 on the way.
        let quiet = books(100, 0, 10, 4);
        let taken = Taken {
            written: packets(53),
            late_written: packets(3),
        };
        assert!(Balance::of(&quiet, &quiet, packets(44), &taken).holds());
    }
}
