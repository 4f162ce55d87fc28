//! The trace of an event goes on in the request that delivers it.

use http::{HeaderMap, HeaderName, HeaderValue};
use hub::block::Key;
use model::{Position, Timestamp};
use telemetry::{Context, Span, Stage, Value};

use crate::webhooks::{Parts, Shared, client::Attempt};

/// An attempt as a part of its event's trace.
pub(super) struct Followed {
    context: Context,
    parent: u64,
}

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Writes the header of an event that has a trace. None when nobody collects what is told of it.
pub(super) fn follow(
    parts: &Parts,
    shared: &Shared,
    json: &[u8],
    (position, attempt): (Position, u32),
    headers: &mut HeaderMap,
) -> Option<Followed> {
    let text = traceparent(json)?;
    let whole: Option<Context> = text.parse().ok().filter(|_| parts.tracer.is_on());
    let followed = whole.map(|whole| {
        let n = Key::of(&shared.id).0 ^ position.0.rotate_left(32) ^ u64::from(attempt);
        Followed {
            context: whole.below(Stage::Webhook, n),
            parent: whole.span,
        }
    });
    let shown = match &followed {
        Some(followed) => HeaderValue::try_from(followed.context.to_string()),
        None => HeaderValue::try_from(text),
    };
    if let Ok(value) = shown {
        headers.insert(TRACEPARENT, value);
    }
    followed
}

impl Followed {
    /// Tells what came of it.
    pub(super) fn over(self, parts: &Parts, shared: &Shared, attempt: &Attempt, now: Timestamp) {
        let mut attributes = vec![("switchhook.webhook", Value::Text(shared.id.to_string()))];
        if let Some(status) = attempt.status {
            let status = Value::Number(i64::from(status));
            attributes.push(("http.response.status_code", status));
        }
        let failed = match attempt.status {
            Some(200..300) => None,
            Some(status) => Some(format!("answered {status}")),
            None => attempt
                .error
                .clone()
                .or_else(|| Some("no answer".to_owned())),
        };
        parts.tracer.tell(Span {
            stage: Stage::Webhook,
            context: self.context,
            parent: Some(self.parent),
            begin: now.before(attempt.took),
            took: attempt.took,
            attributes,
            failed,
        });
    }
}

/// The attribute of an event's envelope, which stands before the data. Quotes inside of texts are escaped, so what looks
/// like a member is one.
fn traceparent(json: &[u8]) -> Option<&str> {
    const MEMBER: &[u8] = b",\"traceparent\":\"";
    let envelope = find(json, b",\"data\":").map_or(json, |data| &json[..data]);
    let value = &envelope[find(envelope, MEMBER)? + MEMBER.len()..];
    let end = value.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&value[..end]).ok()
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attribute_is_that_of_the_envelope() {
        let json = br#"{"id":"1","traceparent":"00-a-b-01","data":{"traceparent":"no"}}"#;
        assert_eq!(traceparent(json), Some("00-a-b-01"));
        for without in [
            &br#"{"id":"1","data":{"x":1,"traceparent":"no"}}"#[..],
            br#"{"id":",\"traceparent\":\"no\"","data":{}}"#,
            b"",
        ] {
            assert_eq!(traceparent(without), None);
        }
    }
}
