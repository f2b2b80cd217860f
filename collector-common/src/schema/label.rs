//! Labels in nDPI's vocabulary.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize, Serializer};

/// `Master.App`, one name where both are the same. No name has a dot of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(from = "String")]
pub struct Label {
    /// The protocol.
    pub master: Cow<'static, str>,
    /// What runs over it; `None` where nothing more is known.
    pub app: Option<Cow<'static, str>>,
}

impl Label {
    /// A protocol of which no application is known.
    #[must_use]
    pub fn of(master: impl Into<Cow<'static, str>>) -> Self {
        Self {
            master: master.into(),
            app: None,
        }
    }

    /// Without the application.
    #[must_use]
    pub fn broader(&self) -> Self {
        Self::of(self.master.clone())
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.master)?;
        match &self.app {
            Some(app) => write!(f, ".{app}"),
            None => Ok(()),
        }
    }
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.app {
            None => serializer.serialize_str(&self.master),
            Some(_) => serializer.collect_str(self),
        }
    }
}

impl From<String> for Label {
    fn from(text: String) -> Self {
        match text.split_once('.') {
            Some((master, app)) => Self {
                master: master.to_owned().into(),
                app: Some(app.to_owned().into()),
            },
            None => Self::of(text),
        }
    }
}
