//! Attachments: binary frames that are put back where an event left placeholders for them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

use super::Malformed;

/// The most attachments of one event.
pub const MAX_ATTACHMENTS: usize = 16;

/// Puts attachments back: the placeholder `{"_placeholder":true,"num":0}` becomes `{"base64":"…"}`.
///
/// # Errors
/// When the array cannot be read, or names an attachment that there is not.
pub fn reinsert(args: &str, attachments: &[Bytes]) -> Result<String, Malformed> {
    let mut args: Value = serde_json::from_str(args).map_err(|_| Malformed::NotJson)?;
    replace(&mut args, attachments)?;
    Ok(args.to_string())
}

fn replace(value: &mut Value, attachments: &[Bytes]) -> Result<(), Malformed> {
    match value {
        Value::Object(object) if object.get("_placeholder") == Some(&Value::Bool(true)) => {
            let index = object.get("num").and_then(Value::as_u64);
            let index = index.and_then(|index| usize::try_from(index).ok());
            let attachment = index.and_then(|index| attachments.get(index));
            let attachment = attachment.ok_or(Malformed::Placeholders)?;
            *value = json!({"base64": STANDARD.encode(attachment)});
            Ok(())
        }
        Value::Object(object) => object
            .values_mut()
            .try_for_each(|value| replace(value, attachments)),
        Value::Array(items) => items
            .iter_mut()
            .try_for_each(|value| replace(value, attachments)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}
