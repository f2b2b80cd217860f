//! Munin by the greeting of its node (Munin Guide, "Data exchange between master and node").

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Munin"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"# munin node at ", "greeting")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{
        reader::Fault,
        tests::{
            Talk,
            Turn::{Opener, Responder},
        },
    };

    /// A node greets.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        4949,
        &[
            Responder(b"# munin node at host.example.org\n"),
            Opener(b"cap multigraph dirtyconfig\n"),
        ],
        "Munin",
    )];

    #[test]
    fn another_comment_is_not_munin() {
        let judged = probe(&Speech::stream(4949, b"# munin client at ", false));
        assert_eq!(judged.unwrap_err(), Fault::Wrong("greeting"));
    }
}
