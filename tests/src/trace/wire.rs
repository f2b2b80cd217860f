//! The place where the capture is taken: frames in order, each with its time.

use std::{
    io::{self, Write},
    time::Duration,
};

use super::{
    Trace,
    conversation::Framing,
    dice::Dice,
    pcap::Pcap,
    template::{LONGEST_FRAME, Segment, Template},
    truth::Totals,
};

/// The first frame's time: 2026-01-01, UTC.
const START: Duration = Duration::from_secs(1_767_225_600);
/// Bytes to fill payload with; filling starts anywhere in it.
const POOL: usize = 1 << 16;
/// Packets between two calls of the progress.
const PROGRESS: u64 = 1 << 16;

/// What a data packet carries.
#[derive(Clone, Copy)]
pub(super) enum Payload<'p> {
    Bytes(&'p [u8]),
    /// Framing, then this many bytes of the pool.
    Filling(Framing, usize),
}

/// The capture while it is taken.
pub(super) struct Wire<'a> {
    pcap: Pcap<'a>,
    progress: &'a mut dyn FnMut(&Totals),
    pool: Vec<u8>,
    /// Where the next filling starts.
    at: usize,
    frame: Vec<u8>,
    rate: u64,
    totals: Totals,
}

impl<'a> Wire<'a> {
    pub(super) fn open(
        trace: &Trace,
        capture: &'a mut dyn Write,
        progress: &'a mut dyn FnMut(&Totals),
    ) -> io::Result<Self> {
        Ok(Self {
            pcap: Pcap::create(capture, trace.resolution)?,
            progress,
            pool: Dice::new(!trace.seed).bytes(POOL + LONGEST_FRAME),
            at: 0,
            frame: Vec::with_capacity(LONGEST_FRAME),
            rate: trace.rate.max(1),
            totals: Totals::default(),
        })
    }

    pub(super) fn totals(&self) -> &Totals {
        &self.totals
    }

    pub(super) fn flow_opened(&mut self) {
        self.totals.flows += 1;
    }

    /// Sends a data packet; gives the frame's bytes.
    pub(super) fn segment(
        &mut self,
        template: &Template,
        segment: Segment,
        payload: Payload<'_>,
    ) -> io::Result<u64> {
        let clock = u32::try_from(self.elapsed().as_millis() & 0xffff_ffff).unwrap_or_default();
        let mut frame = self.start(template, payload);
        template.patch(&mut frame, &Segment { clock, ..segment });
        self.finish_frame(frame)
    }

    /// Sends a datagram; gives the frame's bytes.
    pub(super) fn datagram(
        &mut self,
        template: &Template,
        payload: Payload<'_>,
    ) -> io::Result<u64> {
        let mut frame = self.start(template, payload);
        super::template::seal(&mut frame);
        self.finish_frame(frame)
    }

    /// Sends a frame as it is; gives its bytes.
    pub(super) fn send(&mut self, frame: &[u8]) -> io::Result<u64> {
        self.pcap.write(START + self.elapsed(), frame)?;
        let bytes = frame.len() as u64;
        self.totals.packets += 1;
        self.totals.bytes += bytes;
        if self.totals.packets.is_multiple_of(PROGRESS) {
            (self.progress)(&self.totals);
        }
        Ok(bytes)
    }

    /// Ends the capture.
    pub(super) fn finish(mut self) -> io::Result<Totals> {
        self.totals.nanoseconds = u64::try_from(self.elapsed().as_nanos()).unwrap_or(u64::MAX);
        (self.progress)(&self.totals);
        self.pcap.finish()?;
        Ok(self.totals)
    }

    /// Packet time since the first frame.
    fn elapsed(&self) -> Duration {
        let sent = self.totals.packets;
        let rest = (sent % self.rate) * 1_000_000_000 / self.rate;
        Duration::from_secs(sent / self.rate) + Duration::from_nanos(rest)
    }

    fn start(&mut self, template: &Template, payload: Payload<'_>) -> Vec<u8> {
        let mut frame = std::mem::take(&mut self.frame);
        template.copy_to(&mut frame);
        match payload {
            Payload::Bytes(bytes) => frame.extend_from_slice(bytes),
            Payload::Filling(framing, length) => self.fill(&mut frame, framing, length),
        }
        frame
    }

    fn fill(&mut self, frame: &mut Vec<u8>, framing: Framing, length: usize) {
        let filling = &self.pool[self.at..][..length];
        match framing {
            Framing::None => {}
            Framing::TlsRecord => {
                let [high, low] = u16::try_from(length).unwrap_or_default().to_be_bytes();
                frame.extend_from_slice(&[23, 3, 3, high, low]);
            }
            Framing::Quic(id) => {
                frame.push(0x40 | self.pool[self.at] & 0x3f);
                frame.extend_from_slice(id.as_ref().map_or(&[], |id| id));
            }
        }
        frame.extend_from_slice(filling);
        self.at = (self.at + length + 1) % POOL;
    }

    fn finish_frame(&mut self, frame: Vec<u8>) -> io::Result<u64> {
        let sent = self.send(&frame);
        self.frame = frame;
        sent
    }
}

impl Framing {
    /// Bytes before the filling.
    pub(super) fn overhead(self) -> usize {
        match self {
            Self::None => 0,
            Self::TlsRecord => 5,
            Self::Quic(id) => 1 + id.map_or(0, |id| id.len()),
        }
    }
}
