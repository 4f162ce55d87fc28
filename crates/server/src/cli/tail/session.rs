//! What frames mean to a client: the position to go on from, and whether to go on. No IO.

use std::time::Duration;

use serde_json::Value;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::show::text;
use crate::cli::{Exit, Failure};

/// A stream over all its connections.
#[derive(Debug)]
pub(super) struct Session {
    /// The last position known, or the one wished for at first.
    after: Option<String>,
    /// Whether `after` is only a wish.
    wished: bool,
    heartbeat: Duration,
    frames: u64,
    /// Why the gateway is about to close, when it said so.
    closing: Option<(u64, String, bool)>,
}

/// What to do about a frame.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing to show.
    Nothing,
    /// An event.
    Event(Value),
    /// Something about the stream.
    Note(String),
    /// Events are missing.
    Alarm(String),
    /// Connect again.
    Lost(String),
    /// Do not connect again.
    Stop(Failure),
}

impl Session {
    /// A stream that begins at a position, or with the next event.
    pub(super) fn new(after: Option<String>) -> Self {
        Self {
            after,
            wished: true,
            heartbeat: Duration::from_secs(30),
            frames: 0,
            closing: None,
        }
    }

    /// Where to go on.
    pub(super) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// How many frames were heard in all.
    pub(super) const fn frames(&self) -> u64 {
        self.frames
    }

    /// How long to wait for a frame: two heartbeats may be late.
    pub(super) fn patience(&self) -> Duration {
        self.heartbeat * 3
    }

    /// A new connection stands.
    pub(super) fn connected(&mut self) {
        self.closing = None;
    }

    /// A text frame.
    pub(super) fn frame(&mut self, frame: &str) -> Step {
        self.frames += 1;
        let event: Value = match serde_json::from_str(frame) {
            Ok(event) => event,
            Err(error) => return Step::Note(format!("a frame that is not JSON: {error}")),
        };
        let kind = text(&event, "/type").unwrap_or_default().to_owned();
        if !kind.starts_with("stream.") {
            self.reached(text(&event, "/id"));
            return Step::Event(event);
        }
        let cursor = text(&event, "/data/cursor");
        match kind.as_str() {
            "stream.opened" => self.opened(&event),
            "stream.live" | "stream.bookmark" => {
                self.reached(cursor);
                Step::Nothing
            }
            "stream.snapshot" => {
                if event.pointer("/data/collection").is_none_or(Value::is_null) {
                    self.reached(text(&event, "/data/as_of"));
                }
                Step::Nothing
            }
            "stream.reset" => Step::Alarm(format!(
                "EVENTS ARE MISSING: the position {} cannot be resumed ({}); the log begins at {}",
                text(&event, "/data/requested").unwrap_or("asked for"),
                text(&event, "/data/reason").unwrap_or("no reason given"),
                text(&event, "/data/oldest").unwrap_or("a later one"),
            )),
            "stream.error" => Step::Note(format!("the gateway: {}", problem(&event))),
            "stream.expiring" => {
                let at = text(&event, "/data/at").unwrap_or("soon");
                Step::Note(format!("the token ends at {at}"))
            }
            "stream.closing" => {
                let data = |member: &str| event.pointer(&format!("/data/{member}"));
                let code = data("code").and_then(Value::as_u64).unwrap_or_default();
                let reason = data("reason").and_then(Value::as_str).unwrap_or_default();
                let retryable = data("retryable").and_then(Value::as_bool);
                let retryable = retryable.unwrap_or(!is_final(code));
                self.closing = Some((code, reason.to_owned(), retryable));
                Step::Nothing
            }
            _ => Step::Nothing,
        }
    }

    /// The gateway closes the connection.
    pub(super) fn closed(&mut self, frame: Option<&CloseFrame>) -> Step {
        let said = frame.map(|frame| {
            let code = u64::from(u16::from(frame.code));
            (code, frame.reason.to_string(), !is_final(code))
        });
        let Some((code, reason, retryable)) = self.closing.take().or(said) else {
            return Step::Lost("the gateway closed the connection".to_owned());
        };
        let message = format!("the gateway closed the connection: {code} {reason}");
        let message = message.trim_end().to_owned();
        if retryable {
            return Step::Lost(message);
        }
        // 44xx: this token or this filter will never do.
        let exit = if is_final(code) {
            Exit::Config
        } else {
            Exit::Unavailable
        };
        Step::Stop(Failure::new(exit, message))
    }

    fn opened(&mut self, event: &Value) -> Step {
        if let Some(seconds) = event.pointer("/data/heartbeat_s").and_then(Value::as_u64) {
            self.heartbeat = Duration::from_secs(seconds.clamp(1, 3_600));
        }
        // From now on a lost connection can be resumed, even before the first event.
        if self.wished {
            self.reached(text(event, "/data/cursor"));
        }
        let warnings = event.pointer("/data/warnings").and_then(Value::as_array);
        let warnings: Vec<String> = warnings
            .into_iter()
            .flatten()
            .map(|warning| {
                let part = |name: &str| text(warning, name).unwrap_or("?").to_owned();
                format!(
                    "{} cannot tell {}: {}",
                    part("/source"),
                    part("/type"),
                    part("/reason")
                )
            })
            .collect();
        if warnings.is_empty() {
            Step::Nothing
        } else {
            Step::Note(warnings.join("; "))
        }
    }

    fn reached(&mut self, position: Option<&str>) {
        if let Some(position) = position {
            self.after = Some(position.to_owned());
            self.wished = false;
        }
    }
}

/// Whether a close code says not to come back unchanged.
fn is_final(code: u64) -> bool {
    (4400..4500).contains(&code)
}

fn problem(event: &Value) -> &str {
    text(event, "/data/detail")
        .or_else(|| text(event, "/data/title"))
        .unwrap_or("an error without a description")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

    use super::*;

    fn stream(kind: &str, data: &Value) -> String {
        json!({"type": format!("stream.{kind}"), "id": "s-1", "data": data}).to_string()
    }

    fn close(code: u16) -> CloseFrame {
        CloseFrame {
            code: CloseCode::from(code),
            reason: "because".into(),
        }
    }

    #[test]
    fn the_position_is_that_of_the_last_event_or_bookmark() {
        let mut session = Session::new(None);
        assert_eq!(session.after(), None);
        session.frame(&stream("opened", &json!({"cursor": "c-0"})));
        assert_eq!(session.after(), Some("c-0"));
        session.frame(&json!({"type": "call.started", "id": "c-1"}).to_string());
        assert_eq!(session.after(), Some("c-1"));
        session.frame(&stream("bookmark", &json!({"cursor": "c-9"})));
        assert_eq!(session.after(), Some("c-9"));
        session.frame(&stream("opened", &json!({"cursor": "c-0"})));
        assert_eq!(
            session.after(),
            Some("c-9"),
            "a resumed stream is where it was"
        );
    }

    #[test]
    fn a_lost_position_is_told_and_the_end_of_the_snapshot_is_the_new_one() {
        let mut session = Session::new(Some("old-1".to_owned()));
        let lost =
            json!({"reason": "epoch", "requested": "old-1", "oldest": "new-0", "newest": "new-7"});
        let Step::Alarm(alarm) = session.frame(&stream("reset", &lost)) else {
            panic!("a reset must be loud");
        };
        assert!(
            alarm.contains("old-1") && alarm.contains("epoch"),
            "{alarm}"
        );
        session.frame(&stream(
            "snapshot",
            &json!({"as_of": "new-7", "collection": "calls", "done": true}),
        ));
        assert_eq!(
            session.after(),
            Some("old-1"),
            "half a snapshot is no position"
        );
        session.frame(&stream(
            "snapshot",
            &json!({"as_of": "new-7", "collection": null, "done": true}),
        ));
        assert_eq!(session.after(), Some("new-7"));
    }

    #[test]
    fn close_codes_decide_whether_to_come_back() {
        for (code, stops) in [
            (4400, true),
            (4401, true),
            (4403, true),
            (4500, false),
            (4501, false),
            (4504, false),
            (1006, false),
        ] {
            let step = Session::new(None).closed(Some(&close(code)));
            assert_eq!(matches!(step, Step::Stop(_)), stops, "{code}");
        }
        assert!(matches!(Session::new(None).closed(None), Step::Lost(_)));
    }

    #[test]
    fn what_stream_closing_says_counts_more_than_the_code() {
        let mut session = Session::new(None);
        session.frame(&stream(
            "closing",
            &json!({"code": 4501, "reason": "shutting down", "retryable": true}),
        ));
        let Step::Lost(reason) = session.closed(Some(&close(1000))) else {
            panic!("retryable");
        };
        assert!(reason.contains("4501 shutting down"), "{reason}");
    }

    #[test]
    fn what_is_not_understood_ends_nothing() {
        let mut session = Session::new(None);
        assert!(matches!(session.frame("{"), Step::Note(_)));
        assert!(matches!(
            session.frame(&stream("something_new", &json!({}))),
            Step::Nothing
        ));
        assert!(matches!(session.frame("{}"), Step::Event(_)));
    }
}
