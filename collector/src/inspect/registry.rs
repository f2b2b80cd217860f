//! The terms in which dissectors are asked and answer.

use std::{net::Ipv4Addr, ops::RangeInclusive};

use super::{
    Confidence, Inspection, Label, Method, Sensitive, TlsVersion,
    reader::{Fault, Reader},
    vocabulary,
};

/// One protocol: one file, one entry in the table of its family (`protocols/`).
pub(crate) struct Dissector {
    /// Label of a flow of this protocol, in nDPI's spelling; its category is in
    /// [`vocabulary`].
    pub(crate) label: Label,
    /// Transports that carry it.
    pub(crate) transports: &'static [Transport],
    /// Both sides say something that a record holds, so the second is heard after the first has
    /// decided the label.
    pub(crate) both_sides: bool,
    /// Judges what one side has said.
    pub(crate) probe: fn(&Speech<'_>) -> Verdict,
    /// Conversations that it is to recognise. The tests hold each of them against all dissectors:
    /// cut, shuffled, truncated, damaged.
    #[cfg(test)]
    pub(crate) talks: &'static [super::tests::Talk],
}

/// A transport whose payload is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

/// What one side has said, and what is known of the flow.
#[derive(Clone, Copy)]
pub(crate) struct Speech<'a> {
    pub(crate) transport: Transport,
    /// Said by the flow's opener.
    pub(crate) from_opener: bool,
    /// The responder's port.
    pub(crate) port: u16,
    /// The opener's port: of use where a flow was taken up in mid-stream, so that its opener may be
    /// the server.
    pub(crate) opener_port: u16,
    /// The beginning of this side's stream, or its latest datagram.
    pub(crate) bytes: &'a [u8],
    /// This side's datagrams before that one, oldest first; empty over TCP.
    pub(crate) earlier: Heard<'a>,
    /// What the other side has said so far.
    pub(crate) other: Heard<'a>,
    /// No further byte of this stream will come; always so for a datagram.
    pub(crate) finished: bool,
}

impl<'a> Speech<'a> {
    /// A stream of the opener to `port`, for tests.
    #[cfg(test)]
    pub(crate) fn stream(port: u16, bytes: &'a [u8], finished: bool) -> Self {
        Self {
            transport: Transport::Tcp,
            from_opener: true,
            port,
            opener_port: 50_000,
            bytes,
            earlier: Heard::default(),
            other: Heard::default(),
            finished,
        }
    }

    /// A first datagram of the opener to `port`, for tests.
    #[cfg(test)]
    pub(crate) fn datagram(port: u16, bytes: &'a [u8]) -> Self {
        Self {
            transport: Transport::Udp,
            ..Self::stream(port, bytes, true)
        }
    }

    /// `port` stands at either end.
    pub(crate) fn on_port(&self, port: u16) -> bool {
        self.port == port || self.opener_port == port
    }

    /// One of `ports` stands at either end.
    pub(crate) fn on_ports(&self, ports: &[u16]) -> bool {
        ports.iter().any(|port| self.on_port(*port))
    }

    /// A port of `range` stands at either end.
    pub(crate) fn on_port_within(&self, range: &RangeInclusive<u16>) -> bool {
        range.contains(&self.port) || range.contains(&self.opener_port)
    }

    /// Over a datagram, which is whole, or over the beginning of a stream.
    pub(crate) fn reader(&self) -> Reader<'a> {
        match self.transport {
            Transport::Tcp => Reader::open(self.bytes),
            Transport::Udp => Reader::whole(self.bytes),
        }
    }

    /// This side's datagrams, this one included, oldest first.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.earlier.datagrams().chain(std::iter::once(self.bytes))
    }
}

/// What a side has said: a stream's beginning, or datagrams end to end.
#[derive(Clone, Copy, Default)]
pub(crate) struct Heard<'a> {
    pub(crate) bytes: &'a [u8],
    /// Where each datagram ends; none for a stream.
    pub(crate) ends: &'a [u16],
}

impl<'a> Heard<'a> {
    /// Nothing was heard.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.ends.is_empty()
    }

    /// The datagrams, oldest first; of a stream none.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let end = usize::from(*end);
            let datagram = bytes.get(start..end).unwrap_or_default();
            start = end;
            datagram
        })
    }
}

/// What a dissector makes of a [`Speech`]: certain of its protocol ([`Ok`]), unsure until more is
/// here ([`Fault::Short`]), or another protocol ([`Fault::Wrong`]). For a stream, certain and wrong
/// hold for every longer one.
pub(crate) type Verdict = Result<Finding, Fault>;

/// What a dissector has read.
#[derive(Debug, Default)]
pub(crate) struct Finding {
    /// More precise than the dissector's own.
    pub(crate) label: Option<Label>,
    /// Where it is not the label's own.
    pub(crate) category: Option<&'static str>,
    pub(crate) facts: Facts,
    /// This side has yet to say what a record holds, or what makes the label more precise.
    pub(crate) more: bool,
    /// The bytes fit, and too few of them are fixed to be certain: counts where no dissector is.
    pub(crate) likely: bool,
}

impl Finding {
    /// Fits, without certainty: taken when the flow ends and no dissector was certain.
    pub(crate) fn likely() -> Self {
        Self {
            likely: true,
            ..Self::default()
        }
    }

    /// Certain where `holds`, else likely.
    pub(crate) fn certain_if(holds: bool) -> Self {
        Self {
            likely: !holds,
            ..Self::default()
        }
    }

    /// Of a more precise label than the dissector's own.
    pub(crate) fn of(label: Label) -> Self {
        Self {
            label: Some(label),
            ..Self::default()
        }
    }
}

/// What a record holds besides the label.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The name of the server that is spoken to; it may name the application.
    pub(crate) server_name: Option<Sensitive>,
    /// A host that the server's certificate is for; it may name the application where the client
    /// named no server.
    pub(crate) certificate_host: Option<Sensitive>,
    pub(crate) user_agent: Option<Sensitive>,
    pub(crate) content_type: Option<String>,
    /// The highest that the client offers.
    pub(crate) offered: Option<TlsVersion>,
    /// What the server chose.
    pub(crate) chosen: Option<TlsVersion>,
    pub(crate) alpn: Option<&'static str>,
}

impl Facts {
    /// The host that may name the application: of the server that the client named, or that the
    /// certificate is for where it named none of the internet.
    pub(crate) fn host(&self) -> Option<&str> {
        let named = self.server_name.as_ref().map(Sensitive::reveal);
        let certified = self.certificate_host.as_ref().map(Sensitive::reveal);
        let domain = |name: &&str| name.contains('.') && name.parse::<Ipv4Addr>().is_err();
        named.filter(domain).or(certified)
    }

    /// These facts, and `older` ones where these say nothing.
    pub(crate) fn or(self, older: Self) -> Self {
        Self {
            server_name: self.server_name.or(older.server_name),
            certificate_host: self.certificate_host.or(older.certificate_host),
            user_agent: self.user_agent.or(older.user_agent),
            content_type: self.content_type.or(older.content_type),
            offered: self.offered.or(older.offered),
            chosen: self.chosen.or(older.chosen),
            alpn: self.alpn.or(older.alpn),
        }
    }

    /// The record of a flow whose payload named `label`.
    pub(crate) fn inspection(self, label: Label) -> Inspection {
        Inspection {
            label,
            category: vocabulary::category(label),
            method: Method::Dpi,
            guessed: false,
            confidence: Confidence::Certain,
            user_agent: self.user_agent,
            content_type: self.content_type,
            server_name: self.server_name,
            tls_version: self.chosen.or(self.offered),
            alpn: self.alpn,
            trace: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_speaks_where_the_client_named_no_domain() {
        let host = |named: Option<&str>| {
            let facts = Facts {
                server_name: named.map(Sensitive::new),
                certificate_host: Some(Sensitive::new("example.net")),
                ..Facts::default()
            };
            facts.host().map(str::to_owned)
        };
        assert_eq!(host(Some("example.org")).as_deref(), Some("example.org"));
        for named in [None, Some("localhost"), Some("192.0.2.1")] {
            assert_eq!(host(named).as_deref(), Some("example.net"));
        }
    }
}
