//! What of a value is new.

use serde_json::{Map, Value};

/// The members of an object that differ from before; of a list with ids its changed items; `null` for what is gone.
pub(crate) fn delta(before: &Value, now: &Value) -> Value {
    match (before, now) {
        (Value::Object(before), Value::Object(now)) => Value::Object(members(before, now)),
        (Value::Array(before), Value::Array(now)) if now.iter().all(|item| id(item).is_some()) => {
            Value::Array(items(before, now))
        }
        (_, now) => now.clone(),
    }
}

fn members(before: &Map<String, Value>, now: &Map<String, Value>) -> Map<String, Value> {
    let mut changed = Map::new();
    for (name, value) in now {
        match before.get(name) {
            Some(old) if old == value => {}
            Some(old) => drop(changed.insert(name.clone(), delta(old, value))),
            None => drop(changed.insert(name.clone(), value.clone())),
        }
    }
    for name in before.keys().filter(|name| !now.contains_key(*name)) {
        changed.insert(name.clone(), Value::Null);
    }
    if let (false, Some(id)) = (changed.is_empty(), now.get("id")) {
        changed.insert("id".into(), id.clone());
    }
    changed
}

fn items(before: &[Value], now: &[Value]) -> Vec<Value> {
    let known = |item: &Value| before.iter().find(|old| id(old) == id(item));
    let news = now.iter().filter_map(|item| match known(item) {
        Some(old) if old == item => None,
        Some(old) => Some(delta(old, item)),
        None => Some(item.clone()),
    });
    let gone = before
        .iter()
        .filter(|old| !now.iter().any(|item| id(item) == id(old)));
    let gone = gone
        .filter_map(id)
        .map(|id| serde_json::json!({"id": id, "gone": true}));
    news.chain(gone).collect()
}

fn id(item: &Value) -> Option<&str> {
    item.get("id")?.as_str()
}
