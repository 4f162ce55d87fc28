//! Secrets in what a PBX sends: the value of a key that names one becomes `"***"`, all else stays as it was.
//!
//! A frame may carry a token that logs in as somebody else. It must not reach the wire log, a recording or an event.

use std::ops::Range;

use bytes::Bytes;

/// A frame without secrets. The frame itself when it has none, which is nearly always.
#[must_use]
pub fn redact(frame: Bytes) -> Bytes {
    if !is_suspicious(&frame) {
        return frame;
    }
    let Ok(text) = std::str::from_utf8(&frame) else {
        return frame;
    };
    let secrets = secrets(text);
    if secrets.is_empty() {
        return frame;
    }
    let (mut redacted, mut from) = (String::with_capacity(text.len()), 0);
    for secret in secrets {
        redacted.push_str(&text[from..secret.start]);
        redacted.push_str("\"***\"");
        from = secret.end;
    }
    redacted.push_str(&text[from..]);
    redacted.into()
}

/// Whether a part of a secret's name is anywhere in it. Nearly no frame has one, and most frames are looked at no closer.
fn is_suspicious(frame: &[u8]) -> bool {
    frame.windows(3).any(|part| {
        let part = [part[0] | 0x20, part[1] | 0x20, part[2] | 0x20];
        // An escape (`\u`, whose backslash becomes a bar) may hide any letter.
        matches!(&part, b"ken" | b"ass" | b"cre" | b"key") || part.starts_with(b"|u")
    })
}

/// Whether a key names a secret, however it is spelt.
fn is_secret(key: &str) -> bool {
    let plain: String = key
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    plain.ends_with("token")
        || plain.contains("password")
        || ["secret", "smskey", "apikey"].contains(&plain.as_str())
}

/// Where the values of such keys are.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(quote) = text[at..].find('"') {
        let key = at + quote;
        let end = string(text, key);
        at = end;
        let rest = &text[end..];
        let space = rest.len() - rest.trim_start().len();
        if !rest[space..].starts_with(':') || !names_secret(&text[key..end]) {
            continue;
        }
        let value = end + space + 1;
        let value = value + text[value..].len() - text[value..].trim_start().len();
        let end = skip(text, value);
        // A value that is not there leaves nothing to hide.
        if end > value {
            found.push(value..end);
        }
        at = end;
    }
    found
}

fn names_secret(quoted: &str) -> bool {
    match serde_json::from_str::<String>(quoted) {
        Ok(key) => is_secret(&key),
        Err(_) => is_secret(quoted),
    }
}

/// The end of the string that begins here with a quote.
fn string(text: &str, from: usize) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(from + 1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The end of the value that begins here.
fn skip(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (from, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string(text, at),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                at += 1;
            }
            b',' if depth == 0 => return at,
            _ => at += 1,
        }
        if depth == 0 && matches!(byte, b'"' | b'}' | b']') {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn redacted(text: &str) -> String {
        let frame = redact(Bytes::copy_from_slice(text.as_bytes()));
        String::from_utf8(frame.to_vec()).unwrap()
    }

    #[test]
    fn secrets_are_covered_wherever_they_are() {
        for (text, expected) in [
            (
                r#"["REQUEST",{"data":{"token":"hunter2"}}]"#,
                r#"["REQUEST",{"data":{"token":"***"}}]"#,
            ),
            (
                r#"["x",{"authToken" : "a\"b" , "n":1}]"#,
                r#"["x",{"authToken" : "***" , "n":1}]"#,
            ),
            (
                r#"["x",{"t\u006fken":"a"}]"#,
                r#"["x",{"t\u006fken":"***"}]"#,
            ),
            (
                r#"["x",{"token":{"a":[1,"]"]},"b":2}]"#,
                r#"["x",{"token":"***","b":2}]"#,
            ),
            (r#"["x",{"Password":17}]"#, r#"["x",{"Password":"***"}]"#),
            (r#"["x",{"sms_key":null}]"#, r#"["x",{"sms_key":"***"}]"#),
            (r#"["token","password"]"#, r#"["token","password"]"#),
            (
                r#"["x",{"tokens":3,"name":"token"}]"#,
                r#"["x",{"tokens":3,"name":"token"}]"#,
            ),
            (r#"["x",{"token":"cut off"#, r#"["x",{"token":"***""#),
        ] {
            assert_eq!(redacted(text), expected);
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            let key = prop_oneof![Just("token".to_owned()), Just("n".to_owned()), "\\PC{0,4}"];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 0..5).prop_map(|map| json!(map)),
            ]
        })
    }

    fn cover(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(cover),
            Value::Object(object) => {
                for (key, value) in object {
                    if is_secret(key) {
                        *value = "***".into();
                    } else {
                        cover(value);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    proptest! {
        #[test]
        fn only_secrets_change(value in value()) {
            let mut expected = value.clone();
            cover(&mut expected);
            let read: Value = serde_json::from_str(&redacted(&value.to_string())).unwrap();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn any_text_is_taken(text in "[\\PC\"\\\\{}\\[\\]:,]{0,60}") {
            redacted(&text);
        }
    }
}
