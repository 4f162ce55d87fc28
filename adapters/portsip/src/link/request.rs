//! What the client says: `auth` and `subscribe`, per dialect.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Dialect, GLOBAL, LinkConfig, Login};

/// A way to say who one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthForm {
    /// `username` or `extension_number`: v16 and later.
    Modern,
    /// `extension`, or `name` for a tenant: v12.
    V12,
}

impl AuthForm {
    /// The forms to try, in order, on a PBX that may be any of the given age.
    pub(super) fn candidates(
        login: &Login,
        dialect: Option<Dialect>,
        is_wsi: bool,
    ) -> &'static [Self] {
        let as_user = login.extension_number.is_none() && login.domain.is_some();
        match dialect {
            Some(Dialect::V12) => &[Self::V12],
            Some(_) => &[Self::Modern],
            // v12 knows no users, so there is nothing else to try for one.
            None if is_wsi || as_user => &[Self::Modern],
            None => &[Self::Modern, Self::V12],
        }
    }
}

/// The `auth` command.
pub(super) fn auth(login: &Login, form: AuthForm) -> Value {
    let mut command = Map::new();
    command.insert("command".to_owned(), json!("auth"));
    let mut set = |key: &str, value: &Option<String>| {
        if let Some(value) = value {
            command.insert(key.to_owned(), json!(value));
        }
    };
    let (extension, user) = match form {
        AuthForm::Modern => ("extension_number", "username"),
        AuthForm::V12 => ("extension", "name"),
    };
    set("domain", &login.domain);
    set(extension, &login.extension_number);
    if login.extension_number.is_none() {
        set(user, &login.username);
    }
    command.insert("password".to_owned(), json!(login.password));
    Value::Object(command)
}

/// The same with the password hidden, for the tap.
pub(super) fn redacted(mut command: Value) -> Value {
    if let Some(password) = command.get_mut("password") {
        *password = json!("***");
    }
    command
}

/// The `subscribe` command for one topic, always with the full list of what is wanted: whether a second command adds or
/// replaces is not documented.
pub(super) fn subscribe(config: &LinkConfig, topic: &str, objects: bool) -> Value {
    let mut command = Map::new();
    command.insert("command".to_owned(), json!("subscribe"));
    let named = if objects {
        json!({"keys": keys(topic), "topic": topic})
    } else {
        json!(topic)
    };
    command.insert("topics".to_owned(), json!([named]));
    let scope = match topic {
        "extension_events" => Some(("extensions", &config.extensions)),
        "queue_events" => Some(("queues", &config.queues)),
        _ if topic.starts_with(GLOBAL) => Some(("tenants", &config.tenants)),
        _ => None,
    };
    if let Some((name, members)) = scope {
        command.insert(name.to_owned(), json!(members));
    }
    Value::Object(command)
}

/// Whether the first topic of a request starts so.
pub(super) fn topics_start_with(request: &Bytes, prefix: &str) -> bool {
    serde_json::from_slice::<Value>(request)
        .ok()
        .as_ref()
        .and_then(|request| request.get("topics")?.get(0)?.as_str())
        .is_some_and(|topic| topic.starts_with(prefix))
}

/// Every message of a topic, which v12 wants to be named one by one.
fn keys(topic: &str) -> &'static [&'static str] {
    match topic {
        "extension_events" => &[
            "extension_register",
            "call_hold",
            "call_unhold",
            "call_start",
            "call_established",
            "call_ended",
            "call_noanswer",
            "call_reroute",
            "call_fail",
            "target_add",
            "target_ringing",
            "target_noanswer",
            "target_fail",
            "target_ended",
        ],
        "cdr_events" => &["call_cdr"],
        "queue_events" => &["queue_status", "queue_member_state"],
        "trunk_events" => &["trunk_connected", "trunk_disconnected"],
        _ => &[],
    }
}
