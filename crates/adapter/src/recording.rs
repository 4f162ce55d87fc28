//! Recordings: what happened to a translator, a step on each line of JSON. The flight recorder writes them; `replay` and
//! golden cases read them.
//!
//! A step is one of `{"at": 3, "frame": {…}}` (or `"frame": "raw text"`, or `"base64": "…"`), `{"connected": "v22"}`,
//! `{"disconnected": true}`, `{"restarted": true}` (the gateway; to a translator alone it is a lost connection),
//! `{"advance": 30}` (seconds, through all timers on the way), `{"until": 60}` (the same to a second) and
//! `{"wall": "2024-09-09T01:34:08Z"}`, the civil time of second 0. `at` is in seconds since the start, and any step may
//! have it. Beside `connected` may stand `reconciles`, the collections that the connection sets right; `disconnected`
//! may be the reason, and beside it may stand the `state` in which it leaves the source, where that is another one
//! (`auth_failed`, `limit_reached`, `replaced`). Lines that begin with `#` or `//` are comments, and so is what a recorder notes for people:
//! `sent`, `received` (before the connection stood) and `failed` (attempts to connect).

mod header;
mod loss;
mod player;

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use model::{Collection, Timestamp};
use serde_json::{Value, json};

pub use self::{
    header::{FORMAT, Header},
    loss::Loss,
    player::{Link, Moment, Player, Stuck},
};

/// Something that happens to a translator.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A frame arrives.
    Frame(Duration, Bytes),
    /// A link stands.
    Connected {
        /// The dialect, where it is known.
        dialect: Option<String>,
        /// The collections that a snapshot after connecting sets right.
        reconciles: Vec<Collection>,
    },
    /// The link is gone.
    Disconnected {
        /// How.
        loss: Loss,
        /// Why, where it is known.
        reason: Option<String>,
    },
    /// The gateway was killed and started again.
    Restarted,
    /// Time passes.
    Advance(Duration),
    /// Time passes up to this second since the start.
    Until(Duration),
    /// Second 0 in civil time.
    Wall(Timestamp),
}

/// Makes frames out of what stands in `frame`. One serves one recording, in order.
pub type Encode = Box<dyn FnMut(&Value) -> Result<Bytes, String>>;

/// The encoder of adapters whose frames are text or JSON, and of recordings of all.
#[must_use]
pub fn plain() -> Encode {
    Box::new(|frame| Ok(as_text(frame)))
}

/// How most adapters' frames are written: a text is the frame itself, anything else its JSON.
#[must_use]
pub fn as_text(frame: &Value) -> Bytes {
    match frame {
        Value::String(raw) => raw.clone(),
        body => body.to_string(),
    }
    .into()
}

/// The steps on one line, in order: none where it is a comment.
///
/// # Errors
/// With what is wrong with the line.
pub fn parse(line: &str, encode: &mut Encode) -> Result<Vec<Step>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') || line.starts_with("//") {
        return Ok(Vec::new());
    }
    let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if is_note(&value) {
        return Ok(Vec::new());
    }
    let at = value.get("at").map(secs).transpose()?;
    if let (Some(at), Some(base64)) = (at, value.get("base64")) {
        let text = base64.as_str().ok_or("`base64` is no text")?;
        let bytes = BASE64_STANDARD
            .decode(text)
            .map_err(|error| format!("`base64`: {error}"))?;
        return Ok(vec![Step::Frame(at, bytes.into())]);
    }
    if let (Some(at), Some(frame)) = (at, value.get("frame")) {
        return Ok(vec![Step::Frame(at, encode(frame)?)]);
    }
    let step = step(&value)?.ok_or("no such step")?;
    Ok(at.map(Step::Until).into_iter().chain([step]).collect())
}

/// How a step is written. `at` is for steps that bear no time themselves.
#[must_use]
pub fn line(at: Option<Duration>, step: &Step) -> Value {
    let mut line = match step {
        Step::Frame(at, bytes) => return frame("frame", *at, bytes),
        Step::Connected {
            dialect,
            reconciles,
        } if reconciles.is_empty() => json!({"connected": dialect}),
        Step::Connected {
            dialect,
            reconciles,
        } => json!({"connected": dialect, "reconciles": reconciles}),
        Step::Disconnected { loss, reason } => {
            let why = reason.as_ref().map_or(json!(true), |reason| json!(reason));
            match loss {
                Loss::Broken => json!({"disconnected": why}),
                loss => json!({"disconnected": why, "state": loss.state()}),
            }
        }
        Step::Restarted => json!({"restarted": true}),
        Step::Advance(by) => json!({"advance": by.as_secs_f64()}),
        Step::Until(at) => json!({"until": at.as_secs_f64()}),
        Step::Wall(time) => json!({"wall": time}),
    };
    if let Some(at) = at {
        line["at"] = json!(at.as_secs_f64());
    }
    line
}

/// A line with bytes under `name`: as JSON where that reads back byte for byte, else as text, else as `base64`.
#[must_use]
pub fn frame(name: &str, at: Duration, bytes: &[u8]) -> Value {
    let at = at.as_secs_f64();
    let Ok(text) = std::str::from_utf8(bytes) else {
        let name = if name == "frame" {
            "base64".to_owned()
        } else {
            format!("{name}_base64")
        };
        return json!({"at": at, name: BASE64_STANDARD.encode(bytes)});
    };
    let body: Option<Value> = serde_json::from_str(text).ok();
    let body = body.filter(|body| body.is_object() || body.is_array());
    match body.map(|body| (body.to_string(), body)) {
        Some((same, body)) if same == text => json!({"at": at, name: body}),
        _ => json!({"at": at, name: text}),
    }
}

/// Whether a line is the header, or only for people.
fn is_note(line: &Value) -> bool {
    const NOTES: [&str; 6] = [
        "recording",
        "sent",
        "sent_base64",
        "received",
        "received_base64",
        "failed",
    ];
    NOTES.iter().any(|note| line.get(note).is_some())
}

fn step(value: &Value) -> Result<Option<Step>, String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(dialect) = value.get("connected") {
        let reconciles = value.get("reconciles").map_or(Ok(Vec::new()), |list| {
            serde_json::from_value(list.clone()).map_err(|error| format!("`reconciles`: {error}"))
        })?;
        return Ok(Some(Step::Connected {
            dialect: text(dialect),
            reconciles,
        }));
    }
    if let Some(reason) = value.get("disconnected") {
        let loss = match value.get("state") {
            None => Loss::default(),
            Some(word) => {
                let known = word.as_str().and_then(Loss::read);
                known.ok_or_else(|| format!("`state`: no connection ends in {word}"))?
            }
        };
        let reason = text(reason);
        return Ok(Some(Step::Disconnected { loss, reason }));
    }
    if value.get("restarted").is_some() {
        return Ok(Some(Step::Restarted));
    }
    if let Some(by) = value.get("advance") {
        return Ok(Some(Step::Advance(secs(by)?)));
    }
    if let Some(at) = value.get("until") {
        return Ok(Some(Step::Until(secs(at)?)));
    }
    if let Some(time) = value.get("wall") {
        let time = time.as_str().ok_or("`wall` is no text")?;
        let time = time.parse().map_err(|error| format!("`wall`: {error}"))?;
        return Ok(Some(Step::Wall(time)));
    }
    Ok(None)
}

/// In whole microseconds, as they are written: a fraction in binary is not quite what stands there.
fn secs(value: &Value) -> Result<Duration, String> {
    let secs = value.as_f64().ok_or("seconds are a number")?;
    let exact = Duration::try_from_secs_f64(secs).map_err(|error| error.to_string())?;
    let micros = (exact.as_nanos() + 500) / 1_000;
    u64::try_from(micros)
        .map(Duration::from_micros)
        .map_err(|_| "too many seconds".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(line: &str) -> Result<Vec<Step>, String> {
        parse(line, &mut plain())
    }

    #[test]
    fn a_step_may_have_a_time() {
        let steps = parsed(r#"{"at": 1.5, "connected": "v22", "reconciles": ["queues"]}"#);
        let connected = Step::Connected {
            dialect: Some("v22".to_owned()),
            reconciles: vec![Collection::Queues],
        };
        let at = Step::Until(Duration::from_millis(1_500));
        assert_eq!(steps, Ok(vec![at, connected]));
    }

    #[test]
    fn how_a_connection_was_lost_is_kept() {
        let lost = |loss, reason: Option<&str>| Step::Disconnected {
            loss,
            reason: reason.map(str::to_owned),
        };
        for (written, step) in [
            (json!({"disconnected": true}), lost(Loss::Broken, None)),
            (
                json!({"disconnected": "reset"}),
                lost(Loss::Broken, Some("reset")),
            ),
            (
                json!({"disconnected": "logged in elsewhere", "state": "replaced"}),
                lost(Loss::Replaced, Some("logged in elsewhere")),
            ),
        ] {
            assert_eq!(line(None, &step), written);
            assert_eq!(parsed(&written.to_string()), Ok(vec![step]));
        }
        assert!(parsed(r#"{"disconnected": true, "state": "synced"}"#).is_err());
    }

    #[test]
    fn notes_and_comments_are_no_steps() {
        for line in [
            "",
            "# a comment",
            "// another",
            r#"{"recording": 1, "adapter": "portsip"}"#,
            r#"{"at": 1, "sent": {"command": "auth"}}"#,
            r#"{"at": 1, "received_base64": "AA=="}"#,
            r#"{"at": 1, "failed": "nobody is there"}"#,
        ] {
            assert_eq!(parsed(line), Ok(Vec::new()), "{line}");
        }
    }

    #[test]
    fn what_is_no_step_is_said() {
        for line in [
            "{",
            "[]",
            "{}",
            r#"{"at": 1}"#,
            r#"{"at": -1, "frame": {}}"#,
            r#"{"at": "1", "frame": {}}"#,
            r#"{"at": 1e300, "frame": {}}"#,
            r#"{"at": 1, "base64": "not base64"}"#,
            r#"{"connected": null, "reconciles": ["poems"]}"#,
            r#"{"wall": "tomorrow"}"#,
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_frame_that_is_written_as_json_stays_the_same() {
        let same = br#"{"a":[1,2]}"#;
        let line = frame("frame", Duration::ZERO, same);
        assert!(line["frame"].is_object(), "{line}");
        let spaced = br#"{"a": 1.0}"#;
        let line = frame("frame", Duration::ZERO, spaced);
        assert!(line["frame"].is_string(), "{line}");
    }

    proptest! {
        #[test]
        fn any_frame_reads_back(at in 0_u64..100_000_000_000_000, bytes: Vec<u8>, text in "\\PC{0,40}") {
            let at = Duration::from_micros(at);
            for bytes in [Bytes::from(bytes), Bytes::from(text)] {
                let step = Step::Frame(at, bytes);
                let line = line(None, &step).to_string();
                prop_assert_eq!(parsed(&line), Ok(vec![step]));
            }
        }

        #[test]
        fn nothing_that_is_read_panics(line in "\\PC{0,200}") {
            let _ = parsed(&line);
        }
    }
}
