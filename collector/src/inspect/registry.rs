//! The table of dissectors, and the terms in which they answer.

use super::{
    Inspection, Label, Method, Sensitive, TlsVersion, dns, http, quic, reader::Fault, smtp, ssh,
    tls,
};

/// One protocol: one file, one entry in [`DISSECTORS`].
pub(super) struct Dissector {
    /// Label and category of a flow of this protocol.
    pub(super) service: Service,
    /// Transports that carry it.
    pub(super) transports: &'static [Transport],
    /// Both sides say something that a record holds, so the second is heard after the first has
    /// decided the label.
    pub(super) both_sides: bool,
    /// Judges what one side has said.
    pub(super) probe: fn(&Speech<'_>) -> Verdict,
}

/// All dissectors. They look at the first bytes, on which no two of them agree.
pub(super) static DISSECTORS: &[&Dissector] = &[
    &tls::DISSECTOR,
    &http::DISSECTOR,
    &ssh::DISSECTOR,
    &smtp::DISSECTOR,
    &dns::DISSECTOR,
    &quic::DISSECTOR,
];

/// A transport whose payload is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Udp,
}

/// A label with its category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) label: Label,
    pub(super) category: &'static str,
}

impl Service {
    /// The protocol `master`, in nDPI's spelling.
    pub(super) const fn new(master: &'static str, category: &'static str) -> Self {
        Self {
            label: Label::of(master),
            category,
        }
    }
}

/// What one side has said: the beginning of its stream, or one datagram.
pub(super) struct Speech<'a> {
    pub(super) transport: Transport,
    /// The responder's port.
    pub(super) port: u16,
    pub(super) bytes: &'a [u8],
    /// No further byte will come.
    pub(super) finished: bool,
}

/// What a dissector makes of a [`Speech`]. Certain and no hold for every longer one.
pub(super) enum Verdict<T = Finding> {
    /// Another protocol.
    No,
    /// Nothing speaks against it yet.
    Unsure,
    /// This protocol.
    Certain(T),
}

impl From<Fault> for Verdict {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Short(_) => Self::Unsure,
            Fault::Wrong(_) => Self::No,
        }
    }
}

impl Verdict {
    /// Certain, with nothing else to read.
    pub(super) fn plain() -> Self {
        Self::Certain(Finding::default())
    }
}

/// What a certain dissector has read.
#[derive(Debug, Default)]
pub(super) struct Finding {
    /// More precise than the dissector's own.
    pub(super) service: Option<Service>,
    pub(super) facts: Facts,
    /// This side has yet to say what a record holds.
    pub(super) more: bool,
}

/// What a record holds besides the label.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) server_name: Option<Sensitive>,
    pub(super) user_agent: Option<Sensitive>,
    pub(super) content_type: Option<String>,
    /// The highest that the client offers.
    pub(super) offered: Option<TlsVersion>,
    /// What the server chose.
    pub(super) chosen: Option<TlsVersion>,
    pub(super) alpn: Option<&'static str>,
}

impl Facts {
    /// These facts, and `older` ones where these say nothing.
    pub(super) fn or(self, older: Self) -> Self {
        Self {
            server_name: self.server_name.or(older.server_name),
            user_agent: self.user_agent.or(older.user_agent),
            content_type: self.content_type.or(older.content_type),
            offered: self.offered.or(older.offered),
            chosen: self.chosen.or(older.chosen),
            alpn: self.alpn.or(older.alpn),
        }
    }

    /// The record of a flow whose payload named `service`.
    pub(super) fn inspection(self, service: Service) -> Inspection {
        Inspection {
            label: service.label,
            category: service.category,
            method: Method::Dpi,
            guessed: false,
            user_agent: self.user_agent,
            content_type: self.content_type,
            server_name: self.server_name,
            tls_version: self.chosen.or(self.offered),
            alpn: self.alpn,
        }
    }
}
