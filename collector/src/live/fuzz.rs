//! What a hostile answer of the status socket is held to.

use super::Status;

/// As the line that an agent answers with: what is understood of it can be said again.
pub(crate) fn answer(data: &[u8]) {
    let Ok(status) = serde_json::from_slice::<Status>(data) else {
        return;
    };
    let told = serde_json::to_string(&status).expect("a status is JSON");
    assert!(serde_json::from_str::<Status>(&told).is_ok(), "{told}");
}
