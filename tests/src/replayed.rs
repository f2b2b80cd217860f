//! A replay whose records stay whole: exact counts are asserted on these.

use anyhow::Result;
use collector::{
    capture::{
        reader::Frame,
        replay::{Counted, Form, Formed, Output, Replay, ReplayConfig},
    },
    pipeline::Recorder,
    record::Record,
};

/// A record leaves as it is.
#[derive(Clone, Copy, Debug)]
pub struct Whole;

impl Form for Whole {
    type Item = Record;

    fn form(&self, _: &mut Recorder, record: Record) -> Record {
        record
    }
}

/// Keeps what leaves, in its order.
#[derive(Debug, Default)]
pub struct Kept(pub Vec<Record>);

impl Output<Record> for Kept {
    fn begin(&mut self, _: u64) -> Result<()> {
        Ok(())
    }

    fn write(&mut self, formed: Formed<Record>) -> Result<()> {
        self.0.push(formed.item);
        Ok(())
    }

    fn advance(&mut self, _: u64) -> Result<()> {
        Ok(())
    }
}

/// Replays `frames` to their end.
///
/// # Errors
/// A worker failed.
pub fn replay<'a>(
    config: ReplayConfig,
    frames: impl IntoIterator<Item = Frame<'a>>,
) -> Result<(Counted, Vec<Record>)> {
    let mut replay = Replay::new(config, Whole, Kept::default());
    for frame in frames {
        replay.frame(&frame)?;
    }
    let (counted, Kept(records)) = replay.finish()?;
    Ok((counted, records))
}
