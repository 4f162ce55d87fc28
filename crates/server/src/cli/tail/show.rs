//! Pieces of an event in words. Lenient: what a newer gateway says otherwise is left out.

use serde_json::Value;

/// The text at a JSON pointer.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// A text from outside, fit for a terminal: no control characters, and not too long.
pub(super) fn clean(text: &str) -> String {
    const MOST: usize = 200;
    let legal = |c: char| if c.is_control() { '·' } else { c };
    let mut clean: String = text.chars().take(MOST).map(legal).collect();
    if text.chars().nth(MOST).is_some() {
        clean.push('…');
    }
    clean
}

/// A party: its extension or number, and its name.
pub(super) fn party(party: Option<&Value>) -> String {
    let Some(party) = party else {
        return "?".to_owned();
    };
    let number = text(party, "/extension/number")
        .or_else(|| text(party, "/number/e164"))
        .or_else(|| text(party, "/number/raw"))
        .or_else(|| text(party, "/uri"));
    let name = text(party, "/name").or_else(|| text(party, "/user/name"));
    match (number, name) {
        (Some(number), Some(name)) if number != name => format!("{number} {name}"),
        (Some(one), _) | (None, Some(one)) => one.to_owned(),
        (None, None) if party.get("private") == Some(&Value::Bool(true)) => "private".to_owned(),
        (None, None) => "?".to_owned(),
    }
}

/// An entity that has a number, a name, or only an id.
pub(super) fn named(entity: Option<&Value>) -> Option<String> {
    let entity = entity?;
    let number = text(entity, "/number").or_else(|| text(entity, "/room"));
    match (number, text(entity, "/name")) {
        (Some(number), Some(name)) => Some(format!("{number} {name}")),
        (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => text(entity, "/id").map(str::to_owned),
    }
}

/// A duration in milliseconds at a JSON pointer: `7s`, `2m05s`, `1h00m`.
pub(super) fn duration(value: &Value, pointer: &str) -> Option<String> {
    let seconds = value.pointer(pointer)?.as_u64()? / 1_000;
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    Some(match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{:02}s", seconds % 60),
        _ => format!("{hours}h{minutes:02}m"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_party_is_shown_by_what_is_known() {
        for (known, shown) in [
            (
                json!({"number": {"raw": "020 7946 0018", "e164": "+442079460018"}, "name": "Bell"}),
                "+442079460018 Bell",
            ),
            (
                json!({"number": {"raw": "101"}, "extension": {"number": "101"}, "name": "101"}),
                "101",
            ),
            (json!({"user": {"name": "Anna"}}), "Anna"),
            (json!({"private": true}), "private"),
            (json!({}), "?"),
        ] {
            assert_eq!(party(Some(&known)), shown);
        }
    }

    #[test]
    fn a_terminal_is_safe_from_names() {
        assert_eq!(clean("\x1b[2Jgone\r\n\u{9b}31m"), "·[2Jgone···31m");
        assert_eq!(clean(&"x".repeat(500)).chars().count(), 201);
    }

    #[test]
    fn durations_are_short() {
        for (ms, shown) in [(7_999, "7s"), (125_000, "2m05s"), (3_600_000, "1h00m")] {
            assert_eq!(duration(&json!({"d": ms}), "/d").as_deref(), Some(shown));
        }
    }
}
