//! Frames over a wire, and on a device without link headers: each is counted where it belongs.

use std::collections::HashMap;

use anyhow::Result;
use collector::{
    live::{Ingress, Summary},
    record::Record,
};
use collector_common::{
    books::{Hook, Reason},
    flow::Flow,
    key::FlowKey,
    packet::{Link, Refusal, parse, protocol},
    wire::Tally,
};
use collector_tests::{
    corpus::{Case, corpus_for},
    counts::Direction,
    exact::{as_counted, direction},
    frames::{Path, ethertype},
    link::{IpVersion, Offloads, VethOptions, VethPair, set_offloads},
    meter::{Meter, options, pipeline},
    netns::Namespace,
    privileges::root_or_skip,
    raw_socket::{RawSocket, Sent},
    tap::{Layer, Tap},
};

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
    let mut cases = corpus_for(Link::Ethernet);
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
    for case in corpus_for(Link::Ip) {
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
