//! What a hostile configuration is held to.

use super::Settings;
use crate::anonymize::traces::{self, Trace};

/// In messages, as what may be written.
const EXAMPLE: &str = "192.0.2.0/24";

/// As a file of `--config`: what is said of it repeats no address.
pub(crate) fn configuration(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let error = match Settings::from_toml(text) {
        Err(error) => error,
        Ok(settings) => match settings.options() {
            Err(error) => error,
            Ok(_) => return,
        },
    };
    let message = format!("{error:#}").replace(EXAMPLE, "");
    assert!(!message.is_empty());
    let found = traces::find(&message);
    let is_address = matches!(found, Some(Trace::Ipv4 | Trace::Ipv6));
    assert!(!is_address, "{message}");
}
