//! What the map asks the link to do, as JSON objects.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

/// Asks REST. The token is the link's business.
#[must_use]
pub fn get(path: &str) -> Bytes {
    json!({"get": path}).to_string().into()
}

/// Emits an event and waits for its answer, which comes back under `ack`.
#[must_use]
pub fn emit(name: &str, body: &Value, ack: &str, timeout: Duration) -> Bytes {
    let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    json!({"emit": [name, body], "ack": ack, "timeout_ms": millis})
        .to_string()
        .into()
}

/// A text as part of a path or query.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
