//! One parser, several places: what the kernel programs make of a frame is what the host's parser
//! and update rule make of it, by themselves, over a wire and on a device without link headers.

use std::collections::HashMap;

use anyhow::Result;
use collector::{
    live::{Ingress, Summary},
    record::Record,
};
use collector_common::{
    books::{Books, Hook, Reason},
    flow::{Flow, FlowEntry, NO_USER, Observation, Outcome, Owned},
    key::FlowKey,
    packet::{Link, Packet, Refusal, parse, protocol},
    wire::Tally,
};
use collector_tests::{
    corpus::{Case, corpus},
    counts::Direction,
    exact::{as_counted, direction},
    frames::{Path, ethertype},
    link::{IpVersion, Offloads, VethOptions, VethPair, set_offloads},
    meter::{Meter, options, pipeline},
    netns::Namespace,
    privileges::{root_or_skip, skip},
    programs::{Program, Programs, object_path},
    raw_socket::{RawSocket, Sent},
    tap::{Layer, Tap},
};

const MILLISECOND: u64 = 1_000_000;
/// `TCX_NEXT` and `XDP_PASS`: a meter lets every packet through.
const NEXT: u32 = -1_i32 as u32;
const PASS: u32 = 2;
/// Interface number of the loopback device, on which the kernel runs single frames.
const LOOPBACK: u32 = 1;

/// The programs on the host: the same parser, key and rules, with maps of its own.
struct Model {
    link: Link,
    hook: Hook,
    flows: HashMap<FlowKey, FlowEntry>,
    books: Books,
}

impl Model {
    fn new(link: Link, hook: Hook) -> Self {
        Self {
            link,
            hook,
            flows: HashMap::new(),
            books: Books::default(),
        }
    }

    /// Meters a frame at `now`; gives its flow's key.
    fn meter(&mut self, frame: &[u8], now: u64) -> Option<FlowKey> {
        let wire = Tally {
            packets: 1,
            bytes: frame.len() as u64,
        };
        let seen = &mut self.books.seen[self.hook as usize];
        *seen = seen.plus(wire);
        match parse(frame, self.link) {
            Ok(packet) => Some(self.add(&packet, wire, now)),
            Err(refusal) => {
                let reason = match refusal {
                    Refusal::Short => Reason::Malformed,
                    Refusal::Reason(reason) => reason,
                };
                let refused = &mut self.books.reasons[reason as usize];
                *refused = refused.plus(wire);
                None
            }
        }
    }

    fn add(&mut self, packet: &Packet, wire: Tally, now: u64) -> FlowKey {
        let (key, side) = FlowKey::of(packet);
        let seen = Observation {
            packet: *packet,
            side,
            wire,
            now,
            hook: self.hook,
            live: true,
            ifindex: LOOPBACK,
        };
        let entry = self
            .flows
            .entry(key)
            .or_insert_with(|| FlowEntry::opened_by(&seen, 0, NO_USER));
        match entry.observe::<Owned>(&seen) {
            Outcome::Counted => sample(entry, &seen, wire.bytes as u32),
            Outcome::Late => self.books.late = self.books.late.plus(wire),
            Outcome::OtherInterface => panic!("there is one interface"),
        }
        key
    }
}

fn sample(entry: &mut FlowEntry, seen: &Observation, frame: u32) {
    if matches!(seen.packet.protocol, protocol::TCP | protocol::UDP) {
        let limit = entry.window_limit(seen.side);
        let payload = seen.packet.payload_in(frame);
        let window = &mut entry.directions[seen.side.index()].window;
        let _ = window.admit(&seen.packet, payload, limit);
    }
}

/// A program and its model, side by side.
struct Pair {
    programs: Programs,
    program: Program,
    model: Model,
    now: u64,
    /// Frames that both took.
    taken: usize,
    /// Frames that the kernel does not run a program on, by rule.
    left_out: HashMap<&'static str, usize>,
}

impl Pair {
    fn load(program: Program, link: Link) -> Result<Self> {
        Ok(Self {
            programs: Programs::load(&object_path(), link)?,
            program,
            model: Model::new(link, program.hook()),
            now: MILLISECOND,
            taken: 0,
            left_out: HashMap::new(),
        })
    }

    /// Runs one frame through both and compares all that it touched.
    fn agree(&mut self, name: &str, frame: &[u8]) -> Result<()> {
        let place = (self.program, name);
        self.now += MILLISECOND;
        self.programs.set_clock(self.now)?;
        let verdict = match (
            self.programs.run(self.program, frame),
            self.program.left_out(frame),
        ) {
            (Ok(verdict), _) => verdict,
            (Err(_), Some(rule)) => {
                *self.left_out.entry(rule).or_default() += 1;
                return Ok(());
            }
            (Err(error), None) => return Err(error.context(format!("{place:?}: {frame:02x?}"))),
        };
        let expected = if self.program == Program::Xdp {
            PASS
        } else {
            NEXT
        };
        assert_eq!(verdict, expected, "{place:?}");
        let key = self.model.meter(frame, self.now);
        self.taken += 1;
        assert_books(&self.programs.books()?, &self.model.books, frame, &place);
        if let Some(key) = key {
            let entry = self.programs.entry(&key)?;
            assert_eq!(entry.as_ref(), self.model.flows.get(&key), "{place:?}");
        }
        Ok(())
    }

    /// No flow in the kernel that the model does not have.
    fn finish(mut self) -> Result<()> {
        assert_eq!(self.programs.flows()?, self.model.flows.len());
        println!(
            "{:?}, {:?}: {} frames, {} flows, agreed; left out: {:?}",
            self.program,
            self.model.link,
            self.taken,
            self.model.flows.len(),
            self.left_out
        );
        Ok(())
    }
}

fn assert_books(kernel: &Books, host: &Books, frame: &[u8], place: &(Program, &str)) {
    let told = |books: &Books| (books.seen, books.reasons, books.late, books.overflow);
    assert_eq!(told(kernel), told(host), "{place:?}: {frame:02x?}");
}

fn ready() -> bool {
    if !root_or_skip() {
        return false;
    }
    if !object_path().exists() {
        skip("the kernel object is not built: cargo xtask build");
        return false;
    }
    true
}

/// Frames of the corpus for a device: with Ethernet, all of those; without, what lies behind the
/// Ethernet header of each as well.
fn frames_for(link: Link) -> Vec<Case> {
    let mut cases = corpus();
    if link == Link::Ip {
        for case in cases.iter_mut().filter(|case| case.link == Link::Ethernet) {
            case.link = Link::Ip;
            case.frame = case.frame.split_off(case.frame.len().min(14));
        }
    }
    cases.retain(|case| case.link == link);
    cases
}

#[test]
fn each_program_and_the_host_agree_on_the_corpus() -> Result<()> {
    if !ready() {
        return Ok(());
    }
    for link in [Link::Ethernet, Link::Ip] {
        for program in Program::ALL {
            let mut pair = Pair::load(program, link)?;
            for case in frames_for(link) {
                pair.agree(case.name, &case.frame)?;
            }
            pair.finish()?;
        }
    }
    Ok(())
}

#[test]
fn each_program_and_the_host_agree_on_every_cut_of_the_corpus() -> Result<()> {
    if !ready() {
        return Ok(());
    }
    for program in Program::ALL {
        let mut pair = Pair::load(program, Link::Ethernet)?;
        for case in frames_for(Link::Ethernet) {
            for length in 0..case.frame.len().min(150) {
                pair.agree(case.name, &case.frame[..length])?;
            }
        }
        pair.finish()?;
    }
    Ok(())
}

#[test]
fn each_program_and_the_host_agree_on_mutated_frames() -> Result<()> {
    const FRAMES: usize = 6_000;
    if !ready() {
        return Ok(());
    }
    for link in [Link::Ethernet, Link::Ip] {
        let seeds: Vec<_> = frames_for(link)
            .into_iter()
            .map(|case| case.frame)
            .filter(|frame| (34..3_000).contains(&frame.len()))
            .collect();
        for program in Program::ALL {
            let mut random = Random(0x5eed);
            let mut pair = Pair::load(program, link)?;
            for number in 0..FRAMES {
                let frame = random.mutate(&seeds);
                pair.agree(&format!("mutation {number}"), &frame)?;
            }
            pair.finish()?;
        }
    }
    Ok(())
}

/// SplitMix64: the same frames on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// One of `seeds`, changed in one to four places within its headers.
    fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut frame = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(4) {
            let place = self.below(frame.len().clamp(1, 110));
            match self.below(8) {
                0 => frame.truncate(place.max(20)),
                1 => {
                    let middle: Vec<_> = seeds[self.below(seeds.len())].clone();
                    frame.splice(place..place, middle.into_iter().skip(place).take(24));
                }
                2 => drop(frame.drain(place..(place + 8).min(frame.len()))),
                3 => self.set(&mut frame, place, 1 << (place % 8), true),
                4 => self.set(&mut frame, place, 0xff, false),
                _ => {
                    const NOTABLE: [u8; 12] =
                        [0, 1, 5, 6, 0x11, 0x2c, 0x33, 0x45, 0x60, 0x81, 0x88, 0xff];
                    let byte = NOTABLE[self.below(NOTABLE.len())];
                    self.set(&mut frame, place, byte, false);
                }
            }
        }
        frame
    }

    fn set(&mut self, frame: &mut [u8], place: usize, byte: u8, flip: bool) {
        if let Some(slot) = frame.get_mut(place) {
            *slot = if flip { *slot ^ byte } else { byte };
        }
    }
}

/// What the wire brought, and where each frame has to be found.
#[derive(Default)]
struct Expected {
    directions: HashMap<Direction, Sent>,
    reasons: [Tally; Reason::COUNT],
    sent: Tally,
}

impl Expected {
    /// A frame of `length` bytes on the wire, of which the hook is shown `shown`.
    fn add(&mut self, shown: &[u8], link: Link, length: usize) {
        let wire = Tally {
            packets: 1,
            bytes: length as u64,
        };
        self.sent = self.sent.plus(wire);
        let reason = match parse(shown, link) {
            Ok(packet) => {
                let (key, side) = FlowKey::of(&packet);
                let flow = Flow {
                    key,
                    ..Flow::default()
                };
                let sent = self.directions.entry(direction(&flow, side)).or_default();
                sent.packets += 1;
                sent.bytes += wire.bytes;
                return;
            }
            Err(Refusal::Short) => Reason::Malformed,
            Err(Refusal::Reason(reason)) => reason,
        };
        let refused = &mut self.reasons[reason as usize];
        *refused = refused.plus(wire);
    }

    fn assert(&self, hook: Hook, summary: &Summary, records: &[Record]) {
        assert_eq!(summary.balance.difference, 0, "{:?}", summary.balance);
        assert_eq!(summary.books.seen[hook as usize], self.sent);
        assert_eq!(summary.books.reasons, self.reasons);
        assert_eq!(as_counted(records), self.directions);
        println!(
            "{hook:?}: {} frames, {} bytes, each where it belongs",
            self.sent.packets, self.sent.bytes
        );
    }
}

/// What a TC ingress hook is shown: the kernel has taken the outer tag off and keeps it beside the
/// buffer (`skb_vlan_untag`).
fn untagged(frame: &[u8]) -> Vec<u8> {
    match frame.get(16..) {
        Some(behind) if is_tagged(frame) => [&frame[..12], behind].concat(),
        _ => frame.to_vec(),
    }
}

fn is_tagged(frame: &[u8]) -> bool {
    let tag = frame
        .get(12..14)
        .map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
    matches!(tag, Some(ethertype::VLAN | ethertype::SERVICE_VLAN))
}

/// Frames that reach a hook of a wire, and how many the kernel itself refuses or drops.
fn sendable() -> Vec<Case> {
    let mut cases = frames_for(Link::Ethernet);
    let all = cases.len();
    // A packet socket refuses a bare Ethernet header.
    cases.retain(|case| case.frame.len() > 14);
    let bare = all - cases.len();
    // A receiver drops a tag that is cut (skb_vlan_untag) before any hook.
    cases.retain(|case| case.name != "cut within a VLAN tag");
    let cut = all - bare - cases.len();
    println!("left out: {bare} of 14 bytes, which no socket sends; {cut} that end within a tag");
    cases
}

fn wire() -> Result<(Namespace, Namespace, VethPair)> {
    let (a, b) = (Namespace::new("left")?, Namespace::new("right")?);
    let options = VethOptions {
        mtu: 9_000,
        ..VethOptions::default()
    };
    let pair = VethPair::with(&a, &b, options)?;
    Ok((a, b, pair))
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    TcIn,
    Xdp,
    TcOut,
}

fn over_a_wire(at: At) -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let (a, b, pair) = wire()?;
    let (near, hook) = match at {
        At::TcOut => (&a, Hook::Egress),
        At::TcIn | At::Xdp => (&b, Hook::Ingress),
    };
    let folder = tempfile::tempdir()?;
    let mut options = options(&pair.a.name, folder.path());
    if at == At::Xdp {
        set_offloads(&b, &pair.b.name, Offloads::All)?;
        options.ingress = Ingress::Xdp;
    }
    let meter = Meter::start(near, options, pipeline(folder.path()))?;
    let hooks = meter.status()?.hooks;
    assert_eq!(hooks[0].contains("xdp"), at == At::Xdp, "{hooks:?}");
    let mut expected = Expected::default();
    let socket = RawSocket::bind(&a, &pair.a.name)?;
    for case in sendable() {
        socket.send(&case.frame)?;
        let shown = match at {
            At::TcIn => untagged(&case.frame),
            At::Xdp | At::TcOut => case.frame.clone(),
        };
        expected.add(&shown, Link::Ethernet, case.frame.len());
    }
    let (summary, records) = meter.stop()?;
    expected.assert(hook, &summary, &records);
    Ok(())
}

#[test]
fn the_corpus_over_a_wire_is_counted_where_it_belongs_at_tc_ingress() -> Result<()> {
    over_a_wire(At::TcIn)
}

#[test]
fn the_corpus_over_a_wire_is_counted_where_it_belongs_at_xdp() -> Result<()> {
    over_a_wire(At::Xdp)
}

#[test]
fn the_corpus_over_a_wire_is_counted_where_it_belongs_at_tc_egress() -> Result<()> {
    over_a_wire(At::TcOut)
}

#[test]
fn a_tag_that_the_kernel_took_off_counts_its_four_bytes() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let (a, b, pair) = wire()?;
    let folder = tempfile::tempdir()?;
    let options = options(&pair.b.name, folder.path());
    let meter = Meter::start(&b, options, pipeline(folder.path()))?;
    let socket = RawSocket::bind(&a, &pair.a.name)?;
    let path = Path::example(IpVersion::V6);
    let packet = path.ip(protocol::UDP, &path.udp_datagram(b"tagged"));
    let (outer, inner) = ((ethertype::SERVICE_VLAN, 2), (ethertype::VLAN, 3));
    let frames = [
        path.frame(&packet),
        path.tagged(&[inner], &packet),
        path.tagged(&[outer, inner], &packet),
    ];
    let sent = socket.send_all(&frames)?;
    let (_, records) = meter.stop()?;
    assert_eq!(sent.bytes, 3 * frames[0].len() as u64 + 12);
    let metered: Vec<_> = as_counted(&records).into_values().collect();
    assert_eq!(metered, [sent]);
    Ok(())
}

#[test]
fn frames_of_a_device_without_link_headers_are_counted_where_they_belong() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let namespace = Namespace::new("tun")?;
    let device = Tap::new(&namespace, "tun0", Layer::Ip)?;
    let folder = tempfile::tempdir()?;
    let options = options(device.name(), folder.path());
    let meter = Meter::start(&namespace, options, pipeline(folder.path()))?;
    let mut expected = Expected::default();
    let mut refused = 0;
    for case in frames_for(Link::Ip) {
        // The device tells the version by the first four bits, and refuses all others.
        let version = case.frame.first().map(|byte| byte >> 4);
        let sent = device.send(&case.frame);
        assert_eq!(
            sent.is_ok(),
            matches!(version, Some(4 | 6)),
            "{}",
            case.name
        );
        match sent {
            Ok(()) => expected.add(&case.frame, Link::Ip, case.frame.len()),
            Err(_) => refused += 1,
        }
    }
    println!("left out: {refused} that begin with no IP version, which the device refuses");
    let (summary, records) = meter.stop()?;
    expected.assert(Hook::Ingress, &summary, &records);
    Ok(())
}
