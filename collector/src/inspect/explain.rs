//! How a label came about: what each dissector was asked and said. For whoever adds a protocol.

use std::fmt;

use super::{
    Label,
    reader::Fault,
    registry::{Dissector, Speech, Verdict},
};

/// What the dissectors said of one flow, in the order in which they were asked. It holds payload,
/// so its `Debug` hides it and it has no `Serialize`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Trace {
    rounds: Vec<Round>,
}

/// One piece of what a side has said, and what was made of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Round {
    /// Said by the flow's opener.
    pub from_opener: bool,
    /// What was judged: the stream so far, or one datagram.
    pub bytes: Vec<u8>,
    /// Each dissector that was asked, with its answer.
    pub asked: Vec<(Label, Answer)>,
}

/// A dissector's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is the dissector's protocol.
    Certain,
    /// The bytes fit; too few of them are fixed.
    Likely,
    /// The bytes end within the part that is named.
    Unsure(&'static str),
    /// Another protocol: the part that is named does not fit.
    No(&'static str),
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[scrubbed]")
    }
}

impl Answer {
    pub(crate) fn of(verdict: &Verdict) -> Self {
        match verdict {
            Ok(finding) if finding.likely => Self::Likely,
            Ok(_) => Self::Certain,
            Err(Fault::Short(part)) => Self::Unsure(part),
            Err(Fault::Wrong(part)) => Self::No(part),
        }
    }
}

impl Trace {
    /// The rounds, in order.
    #[must_use]
    pub fn rounds(&self) -> &[Round] {
        &self.rounds
    }

    pub(crate) fn add(&mut self, by: &Dissector, speech: &Speech<'_>, answer: Answer) {
        let same = |round: &&mut Round| {
            round.from_opener == speech.from_opener
                && round.bytes == speech.bytes
                && !round.asked.iter().any(|(label, _)| *label == by.label)
        };
        match self.rounds.last_mut().filter(same) {
            Some(round) => round.asked.push((by.label, answer)),
            None => self.rounds.push(Round {
                from_opener: speech.from_opener,
                bytes: speech.bytes.to_vec(),
                asked: vec![(by.label, answer)],
            }),
        }
    }
}
