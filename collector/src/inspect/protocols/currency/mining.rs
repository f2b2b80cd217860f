//! Mining: the messages between a miner and its pool, JSON on a line each (the Stratum mining
//! protocol and its relatives for Ethereum and Monero; BIP 22 for the template of a block).

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Mining"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const LONGEST_LINE: usize = 4096;
/// Beginnings of methods that have no other use.
const METHODS: [&[u8]; 7] = [
    b"\"mining.",
    b"\"eth_submitLogin\"",
    b"\"eth_submitWork\"",
    b"\"eth_submitHashrate\"",
    b"\"eth_getWork\"",
    b"\"eth_login\"",
    b"\"getblocktemplate\"",
];
/// What only Monero's pools say together: a login with a pass and the miner's name, a job with what
/// is to be hashed.
const TOGETHER: [&[&[u8]]; 2] = [
    &[b"\"login\"", b"\"pass\"", b"\"agent\""],
    &[b"\"job_id\"", b"\"blob\"", b"\"target\""],
];

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    if let Some(first) = speech.bytes.first() {
        Reader::require(*first == b'{', "object")?;
    }
    let line = match reader.line(LONGEST_LINE, "message") {
        // The last one needs no end.
        Err(Fault::Short(_)) if speech.finished => speech.bytes,
        line => line?,
    };
    Reader::require(of_mining(line), "method")?;
    Ok(Finding::default())
}

fn of_mining(line: &[u8]) -> bool {
    let holds = |text: &&[u8]| line.windows(text.len()).any(|part| part == *text);
    METHODS.iter().any(holds) || TOGETHER.iter().any(|words| words.iter().all(holds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            3333,
            &[
                Opener(b"{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"miner/1\"]}\n"),
                Responder(b"{\"id\":1,\"result\":[\"04d567b212\"],\"error\":null}\n"),
            ],
            "Mining",
        ),
        Talk::tcp(
            5555,
            &[Opener(
                b"{\"method\":\"login\",\"params\":{\"login\":\"48abc\",\"pass\":\"x\",\
                \"agent\":\"xmr/1\"},\"id\":1}\n",
            )],
            "Mining",
        ),
    ];

    fn judged(bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(3333, bytes, false))
    }

    #[test]
    fn the_work_of_ethereum_and_a_job_of_monero_are_mining() {
        assert!(
            judged(b"{\"id\":2,\"method\":\"eth_submitLogin\",\"params\":[\"0x9c\"]}\n").is_ok()
        );
        let job = b"{\"id\":1,\"result\":{\"job\":{\"blob\":\"06\",\"job_id\":\"7\",\"target\":\"dc\"}}}\n";
        assert!(judged(job).is_ok());
    }

    #[test]
    fn another_call_or_a_line_without_its_end_is_not() {
        assert!(matches!(
            judged(b"{\"method\":\"eth_call\"}\n"),
            Err(Fault::Wrong(_))
        ));
        assert!(matches!(
            judged(b"{\"method\":\"login\",\"pass\":1}\n"),
            Err(Fault::Wrong(_))
        ));
        assert!(matches!(
            judged(b"{\"method\":\"mining.s"),
            Err(Fault::Short(_))
        ));
        assert!(matches!(judged(b"[1]"), Err(Fault::Wrong(_))));
    }
}
