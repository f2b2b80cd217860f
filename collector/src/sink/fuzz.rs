//! What hostile files of our own are held to: a folder in which a killed agent, or anybody, left
//! them.

use std::path::Path;

use collector_common::schema::{Header, Level, PayloadMode, TimeZone};
use jiff::Timestamp;

use super::{
    Limits, Lineage, Moment, Outside, Retention, Sink, SinkConfig,
    disk::LocalDisk,
    frame::{FAST, encode},
};
use crate::fuzz::Scratch;

/// Ends a frame, where the input stands for several.
const NEXT_FRAME: u8 = 0x1e;
/// As this, the input is the file itself.
const RAW: u8 = 0x1d;
const SPOOL: &str = "flows-relay-20261122T150000Z-0000.ndjson.zst.open";
const DAYS: &str = "days-relay.ndjson.zst.open";

/// As a spool that a crash left.
pub(crate) fn spool(data: &[u8]) {
    take_up(SPOOL, data);
}

/// As what is kept of days that are not over.
pub(crate) fn days(data: &[u8]) {
    take_up(DAYS, data);
}

/// A start in a folder with this file, and a clean stop: no more bytes than were counted come out.
fn take_up(name: &str, data: &[u8]) {
    let scratch = Scratch::new();
    scratch.file(name, &file(data));
    let Ok((mut sink, _)) = Sink::open(config(scratch.path()), Box::new(LocalDisk), moment(0))
    else {
        return;
    };
    let _ = sink.commit(Outside::default());
    let _ = sink.rotate(moment(1));
    let _ = sink.close(moment(2).utc);
}

/// The file that the input stands for: frames, whose checksums no fuzzer finds.
fn file(data: &[u8]) -> Vec<u8> {
    if let Some((&RAW, bytes)) = data.split_first() {
        return bytes.to_vec();
    }
    let frames = data.split(|byte| *byte == NEXT_FRAME);
    let frames = frames.map(|text| encode(text, FAST).expect("memory does not fail"));
    frames.collect::<Vec<_>>().concat()
}

fn config(folder: &Path) -> SinkConfig {
    let retention = Retention {
        min_free_percent: 0,
        ..Retention::default()
    };
    SinkConfig {
        folder: folder.to_owned(),
        node: "relay".parse().expect("a name"),
        header: header(),
        lineage: Lineage(7),
        write_failed: false,
        ends: true,
        limits: Limits {
            retention,
            ..Limits::default()
        },
    }
}

fn header() -> Header {
    Header {
        schema: collector_common::schema::SCHEMA_VERSION,
        node: "relay".into(),
        time_zone: TimeZone::Utc,
        level: Level::Coarse,
        k: Level::Coarse.k(),
        dp: None,
        geo: None,
        relays: Vec::new(),
        exclusions: 0,
        payload: PayloadMode::Sample,
        meter: "0.1.0".into(),
    }
}

fn moment(second: u64) -> Moment {
    let start = 1_795_359_600;
    Moment {
        boot: second * 1_000_000_000,
        utc: Timestamp::from_second(start + second.cast_signed()).expect("a moment"),
    }
}
