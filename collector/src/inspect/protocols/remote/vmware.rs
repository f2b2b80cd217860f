//! VMware by the greeting of its authentication daemon, which looks like FTP's or SMTP's. The vendor
//! publishes no description; the rule rests on the name in the greeting.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("VMware"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"220 VMware Authentication Daemon", "greeting")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Responder};

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        902,
        &[Responder(
            b"220 VMware Authentication Daemon Version 1.10: SSL Required, \
            ServerDaemonProtocol:SOAP, MKSDisplayProtocol:VNC\r\n",
        )],
        "VMware",
    )];

    #[test]
    fn another_greeting_is_not_vmware() {
        assert!(probe(&Speech::stream(902, b"220 vmware.example ESMTP\r\n", false)).is_err());
    }
}
