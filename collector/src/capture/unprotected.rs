//! The output of a replay that its user wants unprotected: exact counts, ports, the user agent as
//! it was sent. No addresses and no server names, here either. For captures that are the user's
//! own; nothing of the live meter leads here.

use std::{borrow::Cow, io::Write, path::Path};

use collector_common::{
    expiry::End,
    flow::OpenerBasis,
    schema::{Confidence, Country, Label, Leg, LegBasis, Method, Outcome, Sample, Sum, Transport},
    wire::Tally,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    anonymize,
    capture::replay::{Form, Formed, Output},
    locate::Places,
    pipeline::{Recorder, WallClock},
    record::Record,
    sink::{SinkError, disk::LocalDisk, frame, whole::WholeFile},
};

/// A flow, or one part of a flow that an active cut split. `src` is the opener.
///
/// Free text of the wire is cut to printable ASCII; its length is bounded by the payload window.
#[derive(Serialize)]
pub struct Unprotected<'a> {
    /// Transport, by name where it has one here, else its IANA number.
    pub proto: Proto,
    /// 4 or 6.
    pub ip_version: u8,
    /// Port of the opener; 0 for transports without ports.
    pub src_port: u16,
    /// Port of the other side; 0 for transports without ports.
    pub dst_port: u16,
    /// Wire packets, both directions.
    pub packets: u64,
    /// Wire bytes, both directions.
    pub bytes: u64,
    /// Wire packets of the opener.
    pub src2dst_packets: u64,
    /// Wire packets of the other side.
    pub dst2src_packets: u64,
    /// Wire bytes of the opener.
    pub src2dst_bytes: u64,
    /// Wire bytes of the other side.
    pub dst2src_bytes: u64,
    /// `Master.App` in nDPI's vocabulary, one name where both are the same.
    pub app: Label,
    /// nDPI category.
    pub category: &'static str,
    /// The port alone gave the label.
    pub guessed: bool,
    /// How the label was found.
    pub method: Method,
    /// How sure it is.
    pub confidence: Confidence,
    /// What of the payload was looked at.
    pub sample: Sample,
    /// The first request's, as it was sent.
    pub user_agent: Option<Cow<'a, str>>,
    /// Media type of the response, lower case, without parameters.
    pub content_type: Option<Cow<'a, str>>,
    /// First packet of this part, microseconds, UTC.
    pub first: Timestamp,
    /// First to last packet of this part, whole milliseconds.
    pub duration_ms: u64,
    /// Why the record was written.
    pub end: End,
    /// What the transport showed.
    pub outcome: Outcome,
    /// The whole flow so far has no more packets than a failed one.
    pub failed: bool,
    /// Whose traffic it is.
    pub leg: Leg,
    /// How the leg is known.
    pub leg_basis: LegBasis,
    /// How the opener is known.
    pub opener_basis: OpenerBasis,
    /// Of the opener.
    pub source_country: Country,
    /// Of the other side.
    pub destination_country: Country,
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Proto {
    /// One that has a name.
    Named(Transport),
    /// IANA's number of one that has none.
    Number(u8),
}

impl Proto {
    fn from_number(number: u8) -> Self {
        match Transport::from_number(number) {
            Transport::Other => Self::Number(number),
            named => Self::Named(named),
        }
    }
}

impl<'a> Unprotected<'a> {
    /// What is told of `record`, whose times `clock` turns into UTC.
    #[must_use]
    pub fn of(record: &'a Record, places: &Places, clock: WallClock) -> Self {
        let Record {
            flow,
            counts: [forth, back],
            end,
            inspection,
            sample,
        } = record;
        let count = forth.plus(*back);
        let agent = inspection.user_agent.as_ref();
        Self {
            proto: Proto::from_number(flow.key.protocol),
            ip_version: if flow.key.is_v6() { 6 } else { 4 },
            src_port: flow.key.port[flow.entry.opener().index()],
            dst_port: anonymize::responder_port(flow),
            packets: count.packets,
            bytes: count.bytes,
            src2dst_packets: forth.packets,
            dst2src_packets: back.packets,
            src2dst_bytes: forth.bytes,
            dst2src_bytes: back.bytes,
            app: anonymize::label(inspection.label),
            category: inspection.category,
            guessed: inspection.guessed,
            method: anonymize::method(inspection.method),
            confidence: inspection.confidence,
            sample: *sample,
            user_agent: agent.map(|agent| printable(agent.reveal())),
            content_type: inspection.content_type.as_deref().map(printable),
            first: microseconds(clock.utc(flow.entry.since)),
            duration_ms: flow.entry.last.saturating_sub(flow.entry.since) / 1_000_000,
            end: *end,
            outcome: anonymize::outcome(flow),
            failed: anonymize::is_failed(flow),
            leg: places.leg,
            leg_basis: places.leg_basis,
            opener_basis: OpenerBasis::from_number(flow.entry.basis),
            source_country: places.source.country,
            destination_country: places.destination.country,
        }
    }

    /// As JSON, with the end of the line.
    #[must_use]
    pub fn line(&self) -> String {
        let json = serde_json::to_string(self).expect("its keys are strings and no part can fail");
        json + "\n"
    }
}

/// Forms unprotected lines; packet time is UTC.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unprotect;

impl Form for Unprotect {
    type Item = String;

    fn form(&self, recorder: &mut Recorder, record: Record) -> String {
        let places = recorder.places(&record);
        Unprotected::of(&record, &places, WallClock::default()).line()
    }
}

/// A terminal that shows the file must not be steered by what somebody sent.
fn printable(text: &str) -> Cow<'_, str> {
    let fits = |byte: char| matches!(byte, ' '..='~');
    if text.chars().all(fits) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().filter(|byte| fits(*byte)).collect())
    }
}

fn microseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// A zstd file with a flow a line and no other lines; it appears when it is finished.
pub struct UnprotectedFile {
    encoder: zstd::Encoder<'static, WholeFile<LocalDisk>>,
    written: Sum,
}

impl UnprotectedFile {
    /// Begins the file that will be `path`.
    ///
    /// # Errors
    /// As [`WholeFile::create`].
    pub fn create(path: &Path) -> Result<Self, SinkError> {
        let file = WholeFile::create(path, LocalDisk)?;
        let wrong = |error| SinkError::new("compress for", path, error);
        let mut encoder = zstd::Encoder::new(file, frame::FAST).map_err(wrong)?;
        encoder.include_checksum(true).map_err(wrong)?;
        Ok(Self {
            encoder,
            written: Sum::default(),
        })
    }

    /// Adds a line that counts `tally`.
    ///
    /// # Errors
    /// The disk takes nothing; the file is of no use then.
    pub fn write(&mut self, line: &str, tally: Tally) -> Result<(), SinkError> {
        self.encoder
            .write_all(line.as_bytes())
            .map_err(|error| self.encoder.get_ref().wrong(error))?;
        self.written.add(Sum::one(tally));
        Ok(())
    }

    /// What its lines count so far.
    #[must_use]
    pub fn written(&self) -> Sum {
        self.written
    }

    /// Ends the file and gives it its name; tells what its lines count.
    ///
    /// # Errors
    /// It can't be written, synced or renamed: then it is gone.
    pub fn finish(self) -> Result<Sum, SinkError> {
        let ended = self.encoder.try_finish();
        let file = ended.map_err(|(encoder, error)| encoder.get_ref().wrong(error))?;
        file.finish()?;
        Ok(self.written)
    }
}

impl Output<String> for UnprotectedFile {
    fn begin(&mut self, _: u64) -> anyhow::Result<()> {
        Ok(())
    }

    fn write(&mut self, formed: Formed<String>) -> anyhow::Result<()> {
        Ok(self.write(&formed.item, formed.tally)?)
    }

    fn advance(&mut self, _: u64) -> anyhow::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
