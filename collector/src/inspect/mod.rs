//! What a flow's first payload bytes say: protocol, server name, user agent, content type.

use std::fmt;

/// Text that identifies people or places (server names, raw user agents). It has no `Display`,
/// no `Serialize`, and its `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Sensitive(String);

impl Sensitive {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for classification; never for output.
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
    /// The payload.
    Dpi,
    /// The server name in the payload.
    Host,
    /// The address (not used yet by any table).
    Address,
    /// The port alone: a guess.
    Port,
}

/// A label in nDPI's vocabulary: `master` is the protocol, `app` what runs over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// Protocol.
    pub master: &'static str,
    /// Application, the same as `master` where nothing more is known.
    pub app: &'static str,
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
    /// The port alone spoke.
    pub guessed: bool,
    /// The first request's user agent.
    pub user_agent: Option<Sensitive>,
    /// The response's media type, lower case, without parameters.
    pub content_type: Option<String>,
    /// SNI or Host.
    pub server_name: Option<Sensitive>,
}

impl Default for Inspection {
    fn default() -> Self {
        Self {
            label: Label {
                master: "Unknown",
                app: "Unknown",
            },
            category: "Unspecified",
            method: Method::None,
            guessed: false,
            user_agent: None,
            content_type: None,
            server_name: None,
        }
    }
}

pub mod media;
mod standin;
pub mod useragent;

pub use standin::{Inspector, by_port};
