//! What hostile payload is held to. The fuzzer (`fuzz/`) calls [`family`] with bytes of its own;
//! tests call it with cases that were found.

use collector_common::flow::{WINDOW_OPENER, WINDOW_RESPONDER};

use super::{
    Inspector,
    protocols::FAMILIES,
    reader::{Fault, Reader},
    registry::{Dissector, Heard, Speech, Transport, Verdict},
    said::Said,
};

/// A flow as a fuzzer can change it: transport and ports in five bytes, then pieces, each with its
/// side in the first bit of a length of two bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// Over UDP, so that each piece is a datagram; else TCP.
    pub datagrams: bool,
    /// Of the opener and of the responder.
    pub ports: [u16; 2],
    /// By the opener, and what was said.
    pub pieces: Vec<(bool, Vec<u8>)>,
}

const BY_OPENER: u16 = 0x8000;

impl Draft {
    /// The fuzzer's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut data = vec![u8::from(self.datagrams)];
        data.extend(self.ports.iter().flat_map(|port| port.to_be_bytes()));
        for (by_opener, bytes) in &self.pieces {
            let length = u16::try_from(bytes.len()).map_or(BY_OPENER - 1, |n| n.min(BY_OPENER - 1));
            let head = length | if *by_opener { BY_OPENER } else { 0 };
            data.extend(head.to_be_bytes());
            data.extend(bytes.iter().take(length.into()));
        }
        data
    }

    /// What `data` stand for, as far as they go.
    #[must_use]
    pub fn decode(data: &[u8]) -> Self {
        let mut reader = Reader::open(data);
        let mut draft = Self::default();
        // Bytes that end early leave the rest of the draft empty.
        let _ = draft.read(&mut reader);
        draft
    }

    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Fault> {
        self.datagrams = reader.u8("transport")? & 1 == 1;
        self.ports = [reader.u16("port")?, reader.u16("port")?];
        loop {
            let head = reader.u16("piece")?;
            let length = usize::from(head & !BY_OPENER).min(reader.rest().len());
            let bytes = reader.take(length, "piece")?;
            self.pieces.push((head & BY_OPENER != 0, bytes.to_vec()));
        }
    }

    fn transport(&self) -> Transport {
        if self.datagrams {
            Transport::Udp
        } else {
            Transport::Tcp
        }
    }

    /// All that a side says, end to end.
    fn side(&self, opener: bool) -> Vec<u8> {
        let pieces = self.pieces.iter().filter(|(by, _)| *by == opener);
        pieces.flat_map(|(_, bytes)| bytes).copied().collect()
    }
}

/// The names of the families.
pub fn families() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().map(|(name, _)| *name)
}

/// The family of the dissector that names flows `master`.
#[must_use]
pub fn family_of(master: &str) -> Option<&'static str> {
    let of_family = |family: &&[&Dissector]| family.iter().any(|by| by.label.master == master);
    let (name, _) = FAMILIES.iter().find(|(_, family)| of_family(family))?;
    Some(name)
}

/// Lets the dissectors of the family `name` judge the flow that `data` stand for, each alone, and
/// then all dissectors together.
///
/// # Panics
/// Where a dissector panics, or goes back on what it said of a shorter stream.
pub fn family(name: &str, data: &[u8]) {
    let draft = Draft::decode(data);
    let dissectors = FAMILIES.iter().filter(|(family, _)| *family == name);
    for by in dissectors.flat_map(|(_, family)| *family) {
        if by.transports.contains(&draft.transport()) {
            match draft.transport() {
                Transport::Tcp => hear_streams(by, &draft),
                Transport::Udp => hear_datagrams(by, &draft),
            }
        }
    }
    inspect(&draft);
}

fn hear_streams(by: &Dissector, draft: &Draft) {
    for from_opener in [true, false] {
        let (bytes, other) = (draft.side(from_opener), draft.side(!from_opener));
        let speech = Speech {
            transport: Transport::Tcp,
            from_opener,
            port: draft.ports[1],
            opener_port: draft.ports[0],
            bytes: &bytes,
            earlier: Heard::default(),
            other: Heard {
                bytes: &other,
                ends: &[],
            },
            finished: false,
        };
        let whole = (by.probe)(&speech);
        let half = (by.probe)(&Speech {
            bytes: &bytes[..bytes.len() / 2],
            ..speech
        });
        hold(by, &half, &whole);
        let _ = (by.probe)(&Speech {
            finished: true,
            ..speech
        });
    }
}

/// Certain and wrong hold for every longer stream.
fn hold(by: &Dissector, shorter: &Verdict, longer: &Verdict) {
    let certain = |verdict: &Verdict| verdict.as_ref().is_ok_and(|finding| !finding.likely);
    if certain(shorter) {
        assert!(certain(longer), "{} was certain", by.label);
    }
    if matches!(shorter, Err(Fault::Wrong(_))) {
        assert!(!certain(longer), "{} had ruled itself out", by.label);
    }
}

fn hear_datagrams(by: &Dissector, draft: &Draft) {
    const UDP: Option<Transport> = Some(Transport::Udp);
    let mut said = [WINDOW_RESPONDER, WINDOW_OPENER].map(|limit| Said::new(UDP, limit));
    for (from_opener, bytes) in &draft.pieces {
        let (mine, other) = (usize::from(*from_opener), usize::from(!*from_opener));
        let _ = (by.probe)(&Speech {
            transport: Transport::Udp,
            from_opener: *from_opener,
            port: draft.ports[1],
            opener_port: draft.ports[0],
            bytes,
            earlier: said[mine].heard(),
            other: said[other].heard(),
            finished: true,
        });
        if !said[mine].exhausted() {
            said[mine].keep(bytes);
        }
    }
}

fn inspect(draft: &Draft) {
    let protocol = if draft.datagrams { 17 } else { 6 };
    let mut inspector = Inspector::new(protocol, draft.ports[0], draft.ports[1]);
    let mut offsets = [0_i32; 2];
    for (by_opener, bytes) in &draft.pieces {
        let offset = &mut offsets[usize::from(*by_opener)];
        inspector.payload(*by_opener, *offset, bytes);
        *offset = offset.saturating_add(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
    }
    let _ = inspector.finish();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_read_as_it_was_written() {
        let draft = Draft {
            datagrams: true,
            ports: [50_000, 53],
            pieces: vec![(true, b"abc".to_vec()), (false, Vec::new())],
        };
        assert_eq!(Draft::decode(&draft.encode()), draft);
        assert_eq!(Draft::decode(&[]), Draft::default());
    }
}
