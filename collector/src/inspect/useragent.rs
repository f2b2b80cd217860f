//! Stand-in.
/// Family of a user agent.
#[must_use]
pub fn family(_agent: &str) -> &'static str {
    "other"
}
