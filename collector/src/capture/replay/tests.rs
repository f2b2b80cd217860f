use collector_common::{expiry::End, settings::SECOND};

use super::*;
use crate::capture::reader::FrameLink;

/// Leaves records as they are.
#[derive(Clone)]
struct Whole;

impl Form for Whole {
    type Item = Record;

    fn form(&self, _: &mut Recorder, record: Record) -> Record {
        record
    }
}

/// Keeps them, and how many had come when packets were still read.
#[derive(Default)]
struct Kept(Vec<Record>);

impl Output<Record> for Kept {
    fn begin(&mut self, _: u64) -> anyhow::Result<()> {
        Ok(())
    }

    fn write(&mut self, formed: Formed<Record>) -> anyhow::Result<()> {
        self.0.push(formed.item);
        Ok(())
    }

    fn advance(&mut self, _: u64) -> anyhow::Result<()> {
        Ok(())
    }
}

/// A datagram without payload from the flow's own port.
fn datagram(flow: u32) -> Vec<u8> {
    let [_, network, port @ ..] = flow.to_be_bytes();
    let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0];
    packet.extend([10, 0, network, 1, 192, 0, 2, 2]);
    packet.extend([port[0], port[1], 0, 53, 0, 8, 0, 0]);
    packet
}

fn frame(bytes: &[u8], time: u64) -> Frame<'_> {
    Frame {
        time,
        original_len: 28,
        link_header: 0,
        link: FrameLink::Ip,
        bytes,
    }
}

fn replay(config: ReplayConfig) -> Replay<Whole, Kept> {
    Replay::new(config, Whole, Kept::default())
}

#[test]
fn records_of_packets_that_came_at_once_do_not_pile_up() {
    const FLOWS: u32 = 200_000;
    for workers in [1, 2] {
        let mut replay = replay(ReplayConfig {
            table_size: 160,
            workers,
            ..ReplayConfig::default()
        });
        for flow in 0..FLOWS {
            replay.frame(&frame(&datagram(flow), SECOND)).unwrap();
        }
        let before_the_end = replay.output.0.len();
        assert!(before_the_end > 60_000, "{before_the_end}");
        let (counted, kept) = replay.finish().unwrap();
        assert_eq!(counted.difference(), 0);
        assert_eq!(kept.0.len(), FLOWS as usize);
    }
}

#[test]
fn a_gap_of_centuries_is_passed_at_once_and_ends_what_is_idle() {
    let mut replay = replay(ReplayConfig::default());
    let far = 500 * 365 * 86_400 * SECOND;
    for (flow, time) in [(1, SECOND), (2, far), (2, u64::MAX)] {
        replay.frame(&frame(&datagram(flow), time)).unwrap();
    }
    let (counted, kept) = replay.finish().unwrap();
    let ends: Vec<End> = kept.0.iter().map(|record| record.end).collect();
    assert_eq!(ends, [End::Idle, End::Idle, End::Shutdown]);
    assert_eq!(counted.difference(), 0);
}

#[test]
fn frames_at_once_are_the_same_as_one_after_another() {
    let bytes: Vec<_> = (0..1000_u32).map(|number| datagram(number % 37)).collect();
    let frames = || {
        bytes
            .iter()
            .zip(1_u64..)
            .map(|(bytes, second)| frame(bytes, second * SECOND))
    };
    let mut single = replay(ReplayConfig::default());
    frames().for_each(|frame| single.frame(&frame).unwrap());
    let mut batched = replay(ReplayConfig::default());
    let all: Vec<_> = frames().collect();
    let mut left = all.into_iter();
    while left.len() > 0 {
        let batch: Vec<_> = left.by_ref().take(32).collect();
        batched.frames(batch.into_iter()).unwrap();
    }
    let told = |replay: Replay<Whole, Kept>| {
        let (_, kept) = replay.finish().unwrap();
        let told = kept
            .0
            .iter()
            .map(|record| (record.flow.entry.id, record.counts, record.end));
        told.collect::<Vec<_>>()
    };
    assert_eq!(told(single), told(batched));
}

#[test]
fn a_capture_without_packets_has_no_records() {
    let (counted, kept) = replay(ReplayConfig::default()).finish().unwrap();
    assert_eq!((counted.records, kept.0.len()), (0, 0));
}
