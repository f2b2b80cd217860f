//! Real payload to start from: what the captures beside the project hold.

use std::{env, path::PathBuf};

use collector::{
    capture::{
        reader::{Captures, Sources, expand},
        replay::{Form, Formed, Output, Replay, ReplayConfig},
    },
    inspect::{
        explain::Detail,
        fuzz::{Draft, family_of},
    },
    pipeline::Recorder,
    record::Record,
};

/// Bytes of a piece.
const MOST: usize = 1024;
/// Seeds of a family: more of the same teach the fuzzer nothing.
const SEEDS: usize = 400;

/// Flows of the captures in the folder that COLLECTOR_CORPUS names which the family's dissectors
/// name; none without it.
///
/// # Panics
/// Where the folder can't be read.
pub fn conversations(family: &str) -> Vec<Vec<u8>> {
    let Some(corpus) = env::var_os("COLLECTOR_CORPUS") else {
        return Vec::new();
    };
    let folder = PathBuf::from(corpus).join("pcaps");
    let Sources { captures, .. } = expand(&[folder]).expect("the captures can be read");
    let mut drafts = Vec::new();
    for capture in captures {
        let config = ReplayConfig {
            explain: Some(Detail {
                all: false,
                bytes: MOST,
            }),
            ..ReplayConfig::default()
        };
        let mut replay = Replay::new(config, Said, Drafts(Vec::new()));
        let mut captures = Captures::new(vec![capture]);
        // A damaged capture ends early; what comes before the damage is as good.
        while let Ok(Some(frame)) = captures.next() {
            replay.frame(&frame).expect("memory takes every draft");
        }
        let (_, Drafts(found)) = replay.finish().expect("memory takes every draft");
        drafts.extend(found);
    }
    drafts.retain(|(master, _)| family_of(master) == Some(family));
    drafts.truncate(SEEDS);
    drafts
        .into_iter()
        .map(|(_, draft)| draft.encode())
        .collect()
}

/// What each side of a flow said, with the flow's protocol.
#[derive(Clone)]
struct Said;

impl Form for Said {
    type Item = (&'static str, Draft);

    fn form(&self, _: &mut Recorder, record: Record) -> Self::Item {
        let opener = record.flow.entry.opener();
        let port = record.flow.key.port;
        let rounds = record
            .inspection
            .trace
            .iter()
            .flat_map(|trace| trace.rounds());
        let datagrams = record.flow.key.protocol == 17;
        let mut pieces: Vec<(bool, Vec<u8>)> = Vec::new();
        for round in rounds {
            let piece = (round.from_opener, round.head.clone());
            // Of a stream each round holds all before it.
            pieces.retain(|(by, _)| datagrams || *by != round.from_opener);
            pieces.push(piece);
        }
        let draft = Draft {
            datagrams,
            ports: [port[opener.index()], port[opener.other().index()]],
            pieces,
        };
        (record.inspection.label.master, draft)
    }
}

struct Drafts(Vec<(&'static str, Draft)>);

impl Output<(&'static str, Draft)> for Drafts {
    fn begin(&mut self, _: u64) -> anyhow::Result<()> {
        Ok(())
    }

    fn write(&mut self, formed: Formed<(&'static str, Draft)>) -> anyhow::Result<()> {
        self.0.push(formed.item);
        Ok(())
    }

    fn advance(&mut self, _: u64) -> anyhow::Result<()> {
        Ok(())
    }
}
