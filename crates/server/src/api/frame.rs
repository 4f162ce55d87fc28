//! The text frames of clients: commands as JSON objects.

use serde_json::{Map, Value};

use super::events::wish::Wish;
use crate::problem::{Problem, Violation};

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// `{"op":"subscribe", …}`: another filter.
    Subscribe(Wish),
    /// `{"op":"token","token":"…"}`: the first token, or another.
    Token(String),
    /// `{"op":"ping"}`: asks for a bookmark.
    Ping,
}

impl Frame {
    /// Reads a command.
    ///
    /// # Errors
    /// Pointing at what is wrong with it.
    pub(super) fn read(text: &str) -> Result<Self, Problem> {
        let wrong = |pointer, why: String| Problem::body(vec![Violation::pointer(pointer, why)]);
        let members: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| wrong("", format!("not a JSON object: {error}")))?;
        let op = members
            .get("op")
            .ok_or_else(|| wrong("/op", "`op` is missing".to_owned()))?;
        match op.as_str() {
            Some("subscribe") => Wish::from_members(&members).map(Self::Subscribe),
            Some("token") => {
                only(&members, &["op", "token"])?;
                let token = members.get("token").and_then(Value::as_str);
                token
                    .map(|token| Self::Token(token.to_owned()))
                    .ok_or_else(|| wrong("/token", "`token` is not a text".to_owned()))
            }
            Some("ping") => only(&members, &["op"]).map(|()| Self::Ping),
            _ => Err(wrong(
                "/op",
                "`op` is not one of subscribe, token, ping".to_owned(),
            )),
        }
    }
}

fn only(members: &Map<String, Value>, known: &[&str]) -> Result<(), Problem> {
    let unknown: Vec<_> = members
        .keys()
        .filter(|name| !known.contains(&name.as_str()))
        .map(|name| Violation::unknown_member(name))
        .collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(Problem::body(unknown))
    }
}
