//! The body of a webhook: what is to be, or to be changed.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use hub::filter::FilterSpec;
use serde_json::{Map, Value};

use crate::{
    problem::{Problem, Violation},
    webhooks::{
        endpoint::{Endpoint, is_reserved},
        guard::Guard,
    },
};

/// What a body says. A member that is absent is none; one that is `null` is `Some(None)`: it is to be as if it had
/// never been given.
#[derive(Debug, Default)]
pub(super) struct Wish {
    pub(super) url: Option<String>,
    pub(super) filter: Map<String, Value>,
    pub(super) description: Option<Option<String>>,
    pub(super) headers: Option<Option<BTreeMap<String, String>>>,
    pub(super) ordered: Option<Option<bool>>,
    pub(super) retry_for_s: Option<Option<u64>>,
}

const FILTERS: [&str; 7] = [
    "types",
    "profile",
    "sources",
    "tenants",
    "extensions",
    "queues",
    "payload",
];
/// The most characters of a URL, and of a description.
const MAX_TEXT: usize = 2_048;
/// The most headers, and the most bytes of all of them.
const MAX_HEADERS: (usize, usize) = (32, 8 * 1024);
/// The longest time that an event may be tried: a week.
const MAX_RETRY: u64 = 7 * 24 * 3_600;

impl Wish {
    pub(super) fn read(body: Map<String, Value>, guard: &Guard) -> Result<Self, Problem> {
        let mut wish = Self::default();
        let mut wrong = Vec::new();
        let mut spec = FilterSpec::default();
        for (name, value) in body {
            let mistake = match name.as_str() {
                "url" => wish.url(value, guard),
                "description" => wish.description(value),
                "headers" => wish.headers(value),
                "order" => wish.order(&value),
                "retry_for_s" => wish.retry_for(&value),
                filter if FILTERS.contains(&filter) => match spec.set_json(filter, &value) {
                    _ if value.is_null() => {
                        wish.filter.insert(name.clone(), value);
                        Ok(())
                    }
                    Ok(_) => {
                        wish.filter.insert(name.clone(), value);
                        Ok(())
                    }
                    Err(error) => Err(error.to_string()),
                },
                _ => {
                    wrong.push(Violation::unknown_member(&name));
                    continue;
                }
            };
            if let Err(mistake) = mistake {
                wrong.push(Violation::pointer(&format!("/{name}"), mistake));
            }
        }
        if wrong.is_empty() {
            Ok(wish)
        } else {
            Err(Problem::body(wrong))
        }
    }

    /// Changes an endpoint; its headers are sealed and set apart.
    pub(super) fn apply(self, endpoint: &mut Endpoint) {
        if let Some(url) = self.url {
            endpoint.url = url;
        }
        for (name, value) in self.filter {
            if value.is_null() {
                endpoint.filter.remove(&name);
            } else {
                endpoint.filter.insert(name, value);
            }
        }
        if let Some(description) = self.description {
            endpoint.description = description;
        }
        if let Some(ordered) = self.ordered {
            endpoint.ordered = ordered.unwrap_or(true);
        }
        if let Some(seconds) = self.retry_for_s {
            endpoint.retry_for_s = seconds;
        }
    }

    fn url(&mut self, value: Value, guard: &Guard) -> Result<(), String> {
        let Value::String(text) = value else {
            return Err("`url` says where deliveries go: a text".to_owned());
        };
        if text.len() > MAX_TEXT {
            return Err(format!("a URL has at most {MAX_TEXT} bytes"));
        }
        let uri: http::Uri = text.parse().map_err(|_| "this is no URL".to_owned())?;
        guard.check_url(&uri)?;
        self.url = Some(text);
        Ok(())
    }

    fn description(&mut self, value: Value) -> Result<(), String> {
        self.description = Some(match value {
            Value::Null => None,
            Value::String(text) if text.len() <= MAX_TEXT => Some(text),
            _ => {
                return Err(format!(
                    "`description` is a text of at most {MAX_TEXT} bytes"
                ));
            }
        });
        Ok(())
    }

    fn order(&mut self, value: &Value) -> Result<(), String> {
        self.ordered = Some(match value.as_str() {
            Some("partition") => Some(true),
            Some("none") => Some(false),
            None if value.is_null() => None,
            _ => return Err("`order` is `partition` or `none`".to_owned()),
        });
        Ok(())
    }

    fn retry_for(&mut self, value: &Value) -> Result<(), String> {
        self.retry_for_s = Some(match value.as_u64() {
            Some(seconds) if (1..=MAX_RETRY).contains(&seconds) => Some(seconds),
            None if value.is_null() => None,
            _ => return Err(format!("`retry_for_s` is a number from 1 to {MAX_RETRY}")),
        });
        Ok(())
    }

    fn headers(&mut self, value: Value) -> Result<(), String> {
        let members = match value {
            Value::Null => {
                self.headers = Some(None);
                return Ok(());
            }
            Value::Object(members) => members,
            _ => return Err("`headers` is an object of texts".to_owned()),
        };
        let mut headers = BTreeMap::new();
        let mut bytes = 0;
        for (name, value) in members {
            let Value::String(value) = value else {
                return Err(format!("the value of `{name}` is not a text"));
            };
            if is_reserved(&name) {
                return Err(format!("`{name}` is not for you to set"));
            }
            if HeaderName::try_from(&name).is_err() || HeaderValue::from_str(&value).is_err() {
                return Err(format!("`{name}` is no header, or its value is none"));
            }
            bytes += name.len() + value.len();
            headers.insert(name, value);
        }
        let (most, size) = MAX_HEADERS;
        if headers.len() > most || bytes > size {
            return Err(format!("at most {most} headers with {size} bytes in all"));
        }
        self.headers = Some(Some(headers));
        Ok(())
    }
}
