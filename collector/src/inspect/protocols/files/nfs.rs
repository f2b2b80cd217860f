//! NFS and the services around it, by calls of ONC RPC (RFC 5531, section 9) to their programs:
//! portmapper (RFC 1833), NFS (RFC 1813 and 8881), mount, lock manager, status, quota. Over TCP a
//! record mark comes first (RFC 5531, section 11). A reply names no program, so it needs a port.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("NFS"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const CALL: u32 = 0;
const REPLY: u32 = 1;
const RPC_VERSION: u32 = 2;
/// NFS and portmapper.
const PORTS: &[u16] = &[2049, 111];

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = match speech.transport {
        Transport::Udp => Reader::whole(speech.bytes),
        Transport::Tcp => record(speech.bytes)?,
    };
    reader.u32("transaction")?;
    match reader.u32("message type")? {
        CALL => call(&mut reader)?,
        REPLY if speech.on_ports(PORTS) => reply(&mut reader)?,
        _ => return Err(Fault::Wrong("message type")),
    }
    Ok(Finding::default())
}

/// What the first record mark spans.
fn record(bytes: &[u8]) -> Result<Reader<'_>, Fault> {
    const LAST: u32 = 1 << 31;
    let mut reader = Reader::open(bytes);
    let mark = reader.u32("record mark")?;
    let length = usize::try_from(mark & !LAST).unwrap_or(usize::MAX);
    Reader::require((20..=1 << 21).contains(&length), "record length")?;
    reader.part(length, "record")
}

fn call(reader: &mut Reader<'_>) -> Result<(), Fault> {
    Reader::require(reader.u32("RPC version")? == RPC_VERSION, "RPC version")?;
    let program = reader.u32("program")?;
    // Portmapper, NFS, mount, quota, lock manager, status, access lists, callbacks of NFS.
    let known = matches!(
        program,
        100_000 | 100_003 | 100_005 | 100_011 | 100_021 | 100_024 | 100_227 | 0x4000_0000
    );
    Reader::require(known, "program")?;
    Reader::require(reader.u32("program version")? <= 4, "program version")?;
    Reader::require(reader.u32("procedure")? < 64, "procedure")?;
    credentials(reader)
}

fn reply(reader: &mut Reader<'_>) -> Result<(), Fault> {
    match reader.u32("reply status")? {
        0 => credentials(reader)?,
        1 => {}
        _ => return Err(Fault::Wrong("reply status")),
    }
    Reader::require(reader.u32("accept status")? <= 5, "accept status")
}

/// A flavour, a length and as many bytes.
fn credentials(reader: &mut Reader<'_>) -> Result<(), Fault> {
    Reader::require(reader.u32("flavour")? <= 7, "flavour")?;
    let length = reader.u32("credentials")?;
    Reader::require(length <= 400, "credentials")?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    reader.take(length, "credentials").map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    const CALL_OF_NFS: &[u8] = b"\x38\x43\x8a\x19\0\0\0\0\0\0\0\x02\0\x01\x86\xa3\0\0\0\x03\
        \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            1048,
            &[
                Opener(CALL_OF_NFS),
                Responder(b"\x38\x43\x8a\x19\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
            ],
            "NFS",
        ),
        Talk::tcp(
            2049,
            &[
                Opener(b"\x80\0\0\x28"),
                Opener(CALL_OF_NFS),
                Responder(
                    b"\x80\0\0\x18\x38\x43\x8a\x19\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
                ),
            ],
            "NFS",
        ),
    ];

    #[test]
    fn a_call_of_another_program_or_version_is_not_nfs() {
        for (at, value) in [(7, 2), (11, 3), (15, 0xa1), (19, 9)] {
            let mut bytes = CALL_OF_NFS.to_vec();
            bytes[at] = value;
            assert!(probe(&Speech::datagram(2049, &bytes)).is_err(), "{at}");
        }
        assert!(probe(&Speech::datagram(40_000, CALL_OF_NFS)).is_ok());
    }
}
