//! What a meter should find in the capture.

use std::io::{self, BufWriter, Write};

/// Sums over a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Frames.
    pub packets: u64,
    /// Of all frames, without the file's own headers.
    pub bytes: u64,
    /// Flows with at least one frame.
    pub flows: u64,
    /// From the first frame to the end, nanoseconds of packet time.
    pub nanoseconds: u64,
}

/// One flow, in the form that scorers of labels take for truth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Found {
    /// `tcp` or `udp`.
    pub(super) l4: &'static str,
    pub(super) ip_version: u8,
    pub(super) ports: (u16, u16),
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) label: &'static str,
    /// False where the capture ended before the flow: its label may not show yet.
    pub(super) complete: bool,
}

/// The file with a line for each flow.
pub(super) struct Truth<'a>(Option<BufWriter<&'a mut dyn Write>>);

impl<'a> Truth<'a> {
    pub(super) fn new(out: Option<&'a mut dyn Write>) -> Self {
        Self(out.map(|out| BufWriter::with_capacity(1 << 18, out)))
    }

    pub(super) fn write(&mut self, found: &Found) -> io::Result<()> {
        let Some(out) = &mut self.0 else {
            return Ok(());
        };
        let Found {
            l4,
            ip_version,
            ports: (source, destination),
            packets,
            bytes,
            label,
            complete,
        } = found;
        writeln!(
            out,
            r#"{{"l4":"{l4}","ip_version":{ip_version},"src_port":{source},"dst_port":{destination},"packets":{packets},"bytes":{bytes},"label":"{label}","complete":{complete}}}"#
        )
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.0.map_or(Ok(()), |mut out| out.flush())
    }
}
