//! Moments of a crash that random kills hardly ever hit, made on purpose.

use std::{fs, path::PathBuf, thread, time::Duration};

use anyhow::{Context, Result};
use aya::maps::{HashMap, Map, MapData};
use collector::live::{self, Ingress, Options, Summary, TcFlavour};
use collector_common::{
    books::Reason,
    flow::{FlowEntry, state},
    key::FlowKey,
    names,
    packet::tcp,
    schema::Sample,
    settings::SECOND,
};
use collector_tests::{
    frames::Path,
    generator::unanswered,
    link::IpVersion,
    meter::{Meter, options, pipeline},
    raw_socket::RawSocket,
    wire::{Wire, wire_or_skip},
};
use tempfile::TempDir;
use zerocopy::{FromBytes, IntoBytes};

const KEY: usize = size_of::<FlowKey>();
const ENTRY: usize = size_of::<FlowEntry>();

/// One flow on a wire, and an agent whose maps outlive it.
struct Stage {
    wire: Wire,
    path: Path,
    folder: TempDir,
}

impl Stage {
    fn new() -> Result<Self> {
        let wire = Wire::new()?;
        let path = unanswered(&wire.pair.a, &wire.pair.b, IpVersion::V4);
        let folder = tempfile::tempdir()?;
        Ok(Self { wire, path, folder })
    }

    fn options(&self) -> Options {
        let mut options = options(&self.wire.pair.b.name, self.folder.path());
        options.pin = true;
        options.table_size = 1024;
        options.timeouts.linger = 5 * SECOND;
        options.timeouts.active = 2 * SECOND;
        options
    }

    fn start(&self) -> Result<Meter> {
        self.start_as(|_| ())
    }

    fn start_as(&self, choose: impl FnOnce(&mut Options)) -> Result<Meter> {
        let mut options = self.options();
        choose(&mut options);
        Meter::start(&self.wire.right, options, pipeline(self.folder.path()))
    }

    /// What is counted of two packets to an agent that is killed and three to the next one,
    /// which was told otherwise.
    fn counted(
        &self,
        first: impl FnOnce(&mut Options),
        next: impl FnOnce(&mut Options),
    ) -> Result<Summary> {
        let meter = self.start_as(first)?;
        self.send(&[tcp::ACK; 2])?;
        meter.crash(|_| Ok(()))?;
        let meter = self.start_as(next)?;
        self.send(&[tcp::ACK; 3])?;
        Ok(meter.stop()?.0)
    }

    fn send(&self, flags: &[u8]) -> Result<()> {
        let socket = RawSocket::bind(&self.wire.left, &self.wire.pair.a.name)?;
        let frames: Vec<_> = flags
            .iter()
            .map(|flags| self.path.tcp(*flags, 1, &[]))
            .collect();
        socket.send_all(&frames)?;
        self.wire.arrived().map(drop)
    }

    /// The table as the dead and the next agent share it.
    fn table(&self) -> Result<HashMap<MapData, [u8; KEY], [u8; ENTRY]>> {
        let mut instances = fs::read_dir(self.options().pin_root)?;
        let path: PathBuf = instances.next().context("nothing is pinned")??.path();
        let data = MapData::from_pin(path.join(names::FLOWS))?;
        Ok(HashMap::try_from(Map::HashMap(data))?)
    }

    /// Starts the next agent, stops it, and gives its summary and the packets in its records.
    fn finish(&self) -> Result<(Summary, u64)> {
        let meter = self.start()?;
        let first = meter.status()?;
        assert!(first.balance.holds(), "right after the start: {first:?}");
        let (summary, records) = meter.stop()?;
        let counts = records.iter().flat_map(|record| record.counts);
        let packets = counts.map(|tally| tally.packets).sum();
        assert_eq!(
            fs::read_dir(self.options().pin_root).map_or(0, Iterator::count),
            0,
            "unpinned"
        );
        assert_eq!(summary.balance.difference, 0, "{:?}", summary.balance);
        assert_eq!(summary.lost_in_crash.packets, 0);
        assert_eq!(summary.written.packets, summary.books.seen_total().packets);
        Ok((summary, packets))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // A test that failed leaves pins.
        let _ = fs::remove_dir_all(self.options().pin_root);
    }
}

fn the_only_flow(
    table: &HashMap<MapData, [u8; KEY], [u8; ENTRY]>,
) -> Result<([u8; KEY], FlowEntry)> {
    let (key, entry) = table.iter().next().context("the table is empty")??;
    Ok((
        key,
        FlowEntry::read_from_bytes(entry.as_slice()).expect("of this size"),
    ))
}

#[test]
fn late_packets_of_a_flow_that_was_written_and_not_yet_deleted_are_written_too() -> Result<()> {
    if !wire_or_skip() {
        return Ok(());
    }
    let stage = Stage::new()?;
    let meter = stage.start()?;
    stage.send(&[tcp::ACK, tcp::RST])?;
    let mut table = stage.table()?;
    let (key, mut entry) = the_only_flow(&table)?;
    meter.crash(|agent| agent.tick(live::boot_time() + 10 * SECOND))?;
    assert_eq!(table.iter().count(), 0, "written and deleted");
    // As it was when the record was on the disk.
    entry.state |= state::CLOSING;
    let entry: [u8; ENTRY] = entry.as_bytes().try_into()?;
    table.insert(key, entry, 0)?;
    stage.send(&[tcp::ACK, tcp::ACK, tcp::ACK])?;
    let (summary, packets) = stage.finish()?;
    assert_eq!((summary.written.packets, packets), (5, 3));
    Ok(())
}

#[test]
fn a_flow_whose_beginning_a_killed_agent_had_read_tells_that_its_sample_is_lost() -> Result<()> {
    if !wire_or_skip() {
        return Ok(());
    }
    let stage = Stage::new()?;
    let socket = RawSocket::bind(&stage.wire.left, &stage.wire.pair.a.name)?;
    // Neither half of the request decides.
    let halves = [(1, &b"GET / HT"[..]), (9, b"TP/1.1\r\n")];
    let send = |(sequence, bytes)| {
        socket.send_all(&[stage.path.tcp(tcp::ACK, sequence, bytes)])?;
        stage.wire.arrived().map(drop)
    };
    let meter = stage.start()?;
    send(halves[0])?;
    meter.crash(|agent| {
        agent.drain();
        Ok(())
    })?;
    let meter = stage.start()?;
    send(halves[1])?;
    let (_, records) = meter.stop()?;
    let samples: Vec<_> = records.iter().map(|record| record.sample).collect();
    assert_eq!(samples, [Sample::Lost]);
    Ok(())
}

#[test]
fn a_flow_that_ends_between_a_cut_and_its_commit_keeps_its_last_packets() -> Result<()> {
    if !wire_or_skip() {
        return Ok(());
    }
    let stage = Stage::new()?;
    let meter = stage.start()?;
    stage.send(&[tcp::ACK, tcp::ACK, tcp::ACK])?;
    meter.crash(|agent| {
        // No tick of its own comes between: this is the agent's thread.
        thread::sleep(Duration::from_secs(2));
        agent.tick(live::boot_time())
    })?;
    let (_, entry) = the_only_flow(&stage.table()?)?;
    assert_eq!(entry.state, state::CUT);
    stage.send(&[tcp::RST, tcp::SYN])?;
    let (summary, packets) = stage.finish()?;
    assert_eq!((summary.written.packets, packets), (5, 2));
    Ok(())
}

#[test]
fn a_new_choice_of_hooks_after_a_crash_counts_no_packet_twice() -> Result<()> {
    if !wire_or_skip() {
        return Ok(());
    }
    let clsact = |options: &mut Options| options.tc = TcFlavour::Clsact;
    let summary = Stage::new()?.counted(|_| (), clsact)?;
    assert_eq!(summary.books.seen_total().packets, 5, "tcx, then clsact");
    let xdp = |options: &mut Options| options.ingress = Ingress::Xdp;
    let summary = Stage::new()?.counted(|_| (), xdp)?;
    assert_eq!(summary.books.seen_total().packets, 5, "TC, then XDP");
    Ok(())
}

#[test]
fn the_next_agents_exclusions_take_the_place_of_the_last_ones() -> Result<()> {
    if !wire_or_skip() {
        return Ok(());
    }
    let excluding = |rules: &'static [&str]| {
        move |options: &mut Options| {
            let rules = rules.iter().map(|rule| rule.parse().expect("a rule"));
            options.exclusions = rules.collect();
        }
    };
    let summary = Stage::new()?.counted(
        excluding(&["0.0.0.0/0"]),
        excluding(&["::/0", "198.18.0.0/15"]),
    )?;
    let excluded = summary.books.reasons[Reason::Excluded as usize];
    assert_eq!(excluded.packets, 2, "those of before the crash");
    Ok(())
}
