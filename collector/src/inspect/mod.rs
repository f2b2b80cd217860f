//! What a flow's first payload bytes say: protocol, server name, user agent, content type.
//!
//! The kernel samples a window per direction. An [`Inspector`] puts the pieces of one flow together
//! and asks the dissectors of the registry, one file per protocol, until one is certain and has
//! read what it wants; then the bytes are zeroed. A flow of which the payload says nothing is named
//! by its port, else by its address where the caller has a database; both are marked as guesses.
//!
//! Every rule here comes from a protocol's specification, named at the head of its file.

#![forbid(unsafe_code)]

use std::fmt;

use zeroize::Zeroizing;

mod datagrams;
pub mod explain;
pub mod fuzz;
pub mod hosts;
mod inspector;
pub mod media;
mod ports;
mod protocols;
mod reader;
mod reassembly;
mod registry;
mod said;
pub mod systems;
pub mod useragent;
pub mod vocabulary;

#[cfg(test)]
mod tests;

pub use collector_common::schema::Confidence;
pub use inspector::Inspector;
pub use ports::{by_port, by_port_unheard};

/// The families of dissectors with the names of their protocols, in the order in which they are
/// asked.
pub fn dissectors() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let names = |family: &[&registry::Dissector]| family.iter().map(|by| by.label.app).collect();
    protocols::FAMILIES
        .iter()
        .map(move |(name, family)| (*name, names(family)))
}

/// Text that identifies people or places (server names, raw user agents). It has no `Display`,
/// no `Serialize`, its `Debug` hides it, and its memory is zeroed when it is dropped.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Sensitive(Zeroizing<String>);

impl Sensitive {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text, for classification, and for a replay that its user wants unprotected; never for
    /// any other output.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[scrubbed]")
    }
}

/// How a label was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub enum Method {
    /// Nothing spoke.
    #[default]
    None,
    /// The payload; for a transport without ports, the IP header's protocol number.
    Dpi,
    /// The server name in the payload.
    Host,
    /// The address alone: a guess.
    Address,
    /// The port alone: a guess.
    Port,
}

impl Method {
    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::Dpi => "payload",
            Self::Host => "payload and server name",
            Self::Address => "address",
            Self::Port => "port",
        }
    }
}

/// A label in nDPI's vocabulary: `master` is the protocol, `app` what runs over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// Protocol.
    pub master: &'static str,
    /// Application, the same as `master` where nothing more is known.
    pub app: &'static str,
}

impl Label {
    /// A protocol of which no application is known.
    #[must_use]
    pub const fn of(master: &'static str) -> Self {
        Self {
            master,
            app: master,
        }
    }
}

impl fmt::Display for Label {
    /// `Master.App` where both differ, else the one name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.master)?;
        if self.app == self.master {
            return Ok(());
        }
        write!(f, ".{}", self.app)
    }
}

/// Version of TLS or of its predecessor (RFC 8446, section 4.2.1 and appendix D).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TlsVersion {
    /// SSL 3.0 (RFC 6101).
    Ssl30,
    /// TLS 1.0 (RFC 2246).
    Tls10,
    /// TLS 1.1 (RFC 4346).
    Tls11,
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446) and its drafts.
    Tls13,
}

impl TlsVersion {
    /// The name in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ssl30 => "SSLv3",
            Self::Tls10 => "TLSv1.0",
            Self::Tls11 => "TLSv1.1",
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }
}

/// The outcome for one flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// `Unknown` where nothing spoke.
    pub label: Label,
    /// nDPI category name.
    pub category: &'static str,
    /// How the label was found.
    pub method: Method,
    /// The port or the address alone spoke.
    pub guessed: bool,
    /// How sure the label is.
    pub confidence: Confidence,
    /// The first request's user agent.
    pub user_agent: Option<Sensitive>,
    /// The response's media type, lower case, without parameters. Free text of the server: written
    /// only through [`media::registered`], but for an unprotected replay.
    pub content_type: Option<String>,
    /// SNI or Host, lower case, without port.
    pub server_name: Option<Sensitive>,
    /// What the server chose; where its hello was not seen, the highest that the client offered.
    pub tls_version: Option<TlsVersion>,
    /// The client's first choice of application protocol that IANA lists (RFC 7301), `other` where
    /// it names none of those.
    pub alpn: Option<&'static str>,
    /// What each dissector said, where the inspector was asked to keep it.
    pub trace: Option<Box<explain::Trace>>,
}

impl Default for Inspection {
    fn default() -> Self {
        Self {
            label: Label::of("Unknown"),
            category: "Unspecified",
            method: Method::None,
            guessed: false,
            confidence: Confidence::None,
            user_agent: None,
            content_type: None,
            server_name: None,
            tls_version: None,
            alpn: None,
            trace: None,
        }
    }
}
