//! rsync by the line with which both sides of its daemon begin (`clientserver.c` of rsync).

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("RSYNC"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::open(speech.bytes).magic(b"@RSYNCD: ", "greeting")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        873,
        &[
            Responder(b"@RSYNCD: 31.0\n"),
            Opener(b"@RSYNCD: 31.0\nmodule\n"),
        ],
        "RSYNC",
    )];

    #[test]
    fn another_mark_is_not_rsync() {
        assert!(probe(&Speech::stream(873, b"@RSYNC: 31\n", false)).is_err());
    }
}
