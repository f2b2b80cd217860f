//! How a label came about: what each dissector was asked and said. For whoever adds a protocol.

use std::fmt;

use super::{
    Label,
    reader::Fault,
    registry::{Dissector, Speech, Transport, Verdict},
};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detail {
    /// All answers, some hundreds for each piece of payload; else those that are not no.
    pub all: bool,
    /// Bytes of each piece of payload.
    pub bytes: usize,
}

/// What the dissectors said of one flow, in the order in which they were asked. It holds payload,
/// so its `Debug` hides it and it has no `Serialize`.
#[derive(Clone, PartialEq, Eq)]
pub struct Trace {
    detail: Detail,
    rounds: Vec<Round>,
}

/// One piece of what a side has said, and what was made of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Round {
    /// Said by the flow's opener.
    pub from_opener: bool,
    /// What was judged, in bytes: the stream so far, or one datagram.
    pub length: usize,
    /// The first bytes of it, as many as are kept.
    pub head: Vec<u8>,
    /// Dissectors that were asked, with their answers.
    pub asked: Vec<(Label, Answer)>,
    /// Dissectors that said no and are not among those.
    pub others: usize,
}

/// A dissector's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is the dissector's protocol: the first so many bytes prove it.
    Certain(usize),
    /// The bytes fit; too few of them are fixed.
    Likely,
    /// The bytes end within the part that is named.
    Unsure(&'static str),
    /// Another protocol: the part that is named does not fit.
    No(&'static str),
}

impl Trace {
    pub(crate) fn new(detail: Detail) -> Self {
        Self {
            detail,
            rounds: Vec::new(),
        }
    }

    /// The rounds, in order.
    #[must_use]
    pub fn rounds(&self) -> &[Round] {
        &self.rounds
    }

    /// `by` judged `speech`; the first of a round is marked as such.
    pub(crate) fn add(
        &mut self,
        first: bool,
        by: &Dissector,
        speech: &Speech<'_>,
        verdict: &Verdict,
    ) {
        if first {
            self.rounds.push(Round::of(speech, self.detail.bytes));
        }
        let Some(round) = self.rounds.last_mut() else {
            return;
        };
        let answer = match verdict {
            Ok(finding) if finding.likely => Answer::Likely,
            Ok(_) => Answer::Certain(proof(by, speech)),
            Err(Fault::Short(part)) => Answer::Unsure(part),
            Err(Fault::Wrong(part)) => Answer::No(part),
        };
        match answer {
            Answer::No(_) if !self.detail.all => round.others += 1,
            _ => round.asked.push((by.label, answer)),
        }
    }
}

impl Round {
    fn of(speech: &Speech<'_>, bytes: usize) -> Self {
        let head = speech.bytes.get(..bytes).unwrap_or(speech.bytes);
        Self {
            from_opener: speech.from_opener,
            length: speech.bytes.len(),
            head: head.to_vec(),
            asked: Vec::new(),
            others: 0,
        }
    }
}

/// How many of the bytes it takes for `by` to be certain: of a stream the shortest beginning, as
/// certain holds for every longer one; of a datagram all.
fn proof(by: &Dissector, speech: &Speech<'_>) -> usize {
    if speech.transport == Transport::Udp {
        return speech.bytes.len();
    }
    let certain = |length: &usize| {
        let part = Speech {
            bytes: speech.bytes.get(..*length).unwrap_or_default(),
            finished: false,
            ..*speech
        };
        (by.probe)(&part).is_ok_and(|finding| !finding.likely)
    };
    let lengths: Vec<usize> = (0..=speech.bytes.len()).collect();
    lengths
        .partition_point(|length| !certain(length))
        .min(speech.bytes.len())
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[scrubbed]")
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certain(bytes) => write!(f, "certain, by the first {bytes} bytes"),
            Self::Likely => f.write_str("likely: too few bytes are fixed to be certain"),
            Self::Unsure(part) => write!(f, "unsure: the bytes end within the {part}"),
            Self::No(part) => write!(f, "no: not a valid {part}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::Inspector;

    fn trace(all: bool) -> Box<Trace> {
        let detail = Detail { all, bytes: 16 };
        let mut inspector = Inspector::new(6, 50_000, 22).explained(detail);
        inspector.payload(true, 0, b"SSH-2.0-");
        inspector.payload(true, 8, b"OpenSSH_9.2p1\r\nmore");
        inspector.finish().trace.unwrap()
    }

    #[test]
    fn doubts_come_before_certainty_and_the_deciding_bytes_are_told() {
        let trace = trace(false);
        let [doubt, certain] = trace.rounds() else {
            panic!("{} rounds", trace.rounds().len());
        };
        let ssh = Label::of("SSH");
        assert!(
            matches!(&doubt.asked[..], asked if asked.iter().any(|(label, answer)|
            *label == ssh && matches!(answer, Answer::Unsure(_))))
        );
        assert!(doubt.others > 0);
        assert_eq!(certain.asked.last(), Some(&(ssh, Answer::Certain(23))));
        assert_eq!((certain.length, certain.from_opener), (27, true));
    }

    #[test]
    fn with_all_detail_each_no_has_its_reason() {
        let trace = trace(true);
        let round = &trace.rounds()[0];
        assert_eq!(round.others, 0);
        let no = |(_, answer): &(Label, Answer)| matches!(answer, Answer::No(_));
        assert!(round.asked.iter().any(no));
    }
}
