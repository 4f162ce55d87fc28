//! Requests: log in, subscribe. Strict JSON, keys sorted, one topic in each command.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Dialect, Scope, Topic};
use crate::config::Config;

/// The numbers and ids that subscriptions list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// Extension numbers.
    pub extensions: Vec<String>,
    /// Queue numbers.
    pub queues: Vec<String>,
    /// Tenant ids.
    pub tenants: Vec<String>,
}

/// Logs in, by what is configured: as an extension, a user, a tenant (v12) or the system administrator.
#[must_use]
pub fn auth(config: &Config, dialect: Dialect) -> Bytes {
    let mut body = Map::new();
    body.insert("command".into(), "auth".into());
    body.insert("password".into(), config.password.expose().into());
    let old = dialect == Dialect::V12;
    if let Some(number) = &config.extension_number {
        let key = if old { "extension" } else { "extension_number" };
        body.insert(key.into(), number.as_str().into());
    } else if let Some(name) = &config.username {
        let key = if old { "name" } else { "username" };
        body.insert(key.into(), name.as_str().into());
    }
    if let Some(domain) = &config.domain {
        body.insert("domain".into(), domain.as_str().into());
    }
    encode(body)
}

/// The subscriptions that a config asks for, in the order in which they are sent.
#[must_use]
pub fn subscriptions(config: &Config, dialect: Dialect) -> Vec<(Topic, Bytes)> {
    let lists = Lists {
        extensions: config.extensions.clone(),
        queues: config.queues.clone(),
        tenants: config.tenants.clone(),
    };
    config
        .known_topics()
        .into_iter()
        .filter(|topic| topic.exists_in(dialect))
        .map(|topic| (topic, subscribe(topic, dialect, &lists)))
        .collect()
}

/// Subscribes to one topic. Whether a second subscription adds to the first or replaces it is undocumented, so `lists`
/// must always hold all that is wanted.
#[must_use]
pub fn subscribe(topic: Topic, dialect: Dialect, lists: &Lists) -> Bytes {
    command("subscribe", topic, dialect, lists)
}

/// Ends the subscription to one topic.
#[must_use]
pub fn unsubscribe(topic: Topic, dialect: Dialect, lists: &Lists) -> Bytes {
    command("unsubscribe", topic, dialect, lists)
}

fn command(command: &str, topic: Topic, dialect: Dialect, lists: &Lists) -> Bytes {
    let mut body = Map::new();
    body.insert("command".into(), command.into());
    let name = if dialect == Dialect::V12 {
        json!({"topic": topic.as_str(), "keys": topic.keys()})
    } else {
        topic.as_str().into()
    };
    body.insert("topics".into(), Value::Array(vec![name]));
    let list = match topic.scope() {
        Scope::Nothing => None,
        Scope::Extensions => Some(("extensions", &lists.extensions)),
        Scope::Queues => Some(("queues", &lists.queues)),
        Scope::Tenants => Some(("tenants", &lists.tenants)),
    };
    if let Some((key, list)) = list {
        body.insert(key.into(), list.as_slice().into());
    }
    encode(body)
}

fn encode(body: Map<String, Value>) -> Bytes {
    Value::Object(body).to_string().into()
}
