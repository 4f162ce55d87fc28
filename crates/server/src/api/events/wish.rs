//! What a client asks of `/v1/events`, as it says it: in a query, or in a `subscribe` frame.

use std::fmt;

use hub::filter::FilterSpec;
use model::{Cursor, Timestamp};
use serde_json::{Map, Value};

use crate::{
    http::query::{Query, encoded, plus_restored},
    problem::{Problem, Violation},
};

/// What a stream is to carry, before it is held against anybody's rights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Which events.
    pub(crate) spec: FilterSpec,
    /// From where.
    pub(crate) after: Option<Place>,
    /// State first.
    pub(crate) snapshot: bool,
}

/// What a page is to hold.
#[derive(Clone, Debug)]
pub(super) struct PageWish {
    /// Which events.
    pub(super) spec: FilterSpec,
    /// Not these, nor what is older.
    pub(super) after: Option<Place>,
    /// Not this, nor what is newer.
    pub(super) before: Option<Place>,
    /// Newest first.
    pub(super) descending: bool,
    /// The most events.
    pub(super) limit: usize,
    /// The query of the next page, up to its `after` or `before`.
    pub(super) again: String,
}

/// A place in the log, as clients name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// An event, or any position.
    Cursor(Cursor),
    /// The first event received at this time or later comes after it.
    Time(Timestamp),
    /// Before all events.
    Earliest,
    /// After all events.
    Latest,
}

const FILTERS: [&str; 8] = [
    "types",
    "profile",
    "sources",
    "tenants",
    "extensions",
    "queues",
    "subjects",
    "payload",
];

impl Wish {
    /// Reads the query of a stream.
    pub(crate) fn from_query(mut query: Query) -> Result<Self, Problem> {
        let wish = Self {
            spec: filter(&mut query),
            after: query.read("after", Place::parse_query),
            snapshot: query.flag("snapshot").unwrap_or(false),
        };
        for name in ["before", "limit", "order"] {
            query.misplaced(name, "is for pages; this is a stream");
        }
        query.finish()?;
        Ok(wish)
    }

    /// Reads the members of a `subscribe` frame.
    pub(crate) fn from_members(members: &Map<String, Value>) -> Result<Self, Problem> {
        let mut wish = Self::default();
        let mut wrong = Vec::new();
        for (name, value) in members.iter().filter(|(name, _)| *name != "op") {
            let mistake = match (name.as_str(), value) {
                ("after", Value::String(text)) => match Place::parse(text) {
                    Ok(place) => {
                        wish.after = Some(place);
                        continue;
                    }
                    Err(why) => why,
                },
                ("after", _) => "`after` is not a text".to_owned(),
                ("snapshot", value) => match flag(value) {
                    Some(flag) => {
                        wish.snapshot = flag;
                        continue;
                    }
                    None => "`snapshot` is neither true nor false".to_owned(),
                },
                ("before" | "limit" | "order", _) => {
                    format!("`{name}` is for pages; this is a stream")
                }
                _ => match wish.spec.set_json(name, value) {
                    Ok(true) => continue,
                    Ok(false) => {
                        wrong.push(Violation::unknown_member(name));
                        continue;
                    }
                    Err(error) => error.to_string(),
                },
            };
            wrong.push(Violation::pointer(&format!("/{name}"), mistake));
        }
        if wrong.is_empty() {
            Ok(wish)
        } else {
            Err(Problem::body(wrong))
        }
    }
}

impl PageWish {
    /// The most events of a page.
    const MOST: usize = 1_000;
    const DEFAULT: usize = 100;

    /// Reads the query of a page.
    pub(super) fn from_query(mut query: Query) -> Result<Self, Problem> {
        let said: Vec<_> = query
            .iter()
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect();
        let wish = Self {
            spec: filter(&mut query),
            after: query.read("after", Place::parse_query),
            before: query.read("before", Place::parse_query),
            descending: query
                .read("order", |text| match text {
                    "asc" => Ok(false),
                    "desc" => Ok(true),
                    other => Err(format!("`{}` is neither `asc` nor `desc`", short(other))),
                })
                .unwrap_or(false),
            limit: query
                .number("limit", 1, Self::MOST)
                .unwrap_or(Self::DEFAULT),
            again: String::new(),
        };
        query.misplaced("snapshot", "is for streams; this is a page");
        query.finish()?;
        let moves = if wish.descending { "before" } else { "after" };
        let again = said.iter().filter(|(name, _)| name != moves);
        Ok(Self {
            again: again
                .map(|(name, value)| format!("{name}={}&", encoded(value)))
                .collect(),
            ..wish
        })
    }
}

impl Place {
    /// Reads a place; the error is for people.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "earliest" => return Ok(Self::Earliest),
            "latest" => return Ok(Self::Latest),
            _ => {}
        }
        if let Ok(cursor) = text.parse() {
            return Ok(Self::Cursor(cursor));
        }
        if text
            .strip_prefix("s-")
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return Err(format!(
                "`{}` is the id of an event about a stream and no position: take its `data.cursor`",
                short(text)
            ));
        }
        text.parse().map(Self::Time).map_err(|_| {
            format!(
                "`{}` is neither an event id, nor an RFC 3339 time, nor `earliest` or `latest`",
                short(text)
            )
        })
    }

    fn parse_query(text: &str) -> Result<Self, String> {
        Self::parse(&plus_restored(text))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cursor(cursor) => write!(f, "{cursor}"),
            Self::Time(time) => write!(f, "{time}"),
            Self::Earliest => f.write_str("earliest"),
            Self::Latest => f.write_str("latest"),
        }
    }
}

fn filter(query: &mut Query) -> FilterSpec {
    let mut spec = FilterSpec::default();
    for name in FILTERS {
        if let Some(value) = query.take(name)
            && let Err(error) = spec.set(name, &value)
        {
            query.wrong(error.parameter, error.to_string());
        }
    }
    spec
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_read_as_the_contract_names_them() {
        let cursor = "k3v9q2xw-0000000000004712";
        assert_eq!(
            Place::parse(cursor),
            Ok(Place::Cursor(cursor.parse().unwrap()))
        );
        assert_eq!(Place::parse("earliest"), Ok(Place::Earliest));
        assert_eq!(Place::parse("latest"), Ok(Place::Latest));
        let time = Place::Time(Timestamp::from_secs(1_700_000_000));
        assert_eq!(Place::parse("2023-11-14T22:13:20Z"), Ok(time));
        assert_eq!(Place::parse_query("2023-11-14T23:13:20 01:00"), Ok(time));
        assert!(Place::parse("s-7").unwrap_err().contains("data.cursor"));
        for garbage in ["", "s-", "yesterday", "k3v9q2xw-4712"] {
            assert!(Place::parse(garbage).is_err(), "{garbage}");
        }
    }

    #[test]
    fn a_frame_says_the_same_as_a_query() {
        let query = Query::parse(Some(
            "types=call.*&extensions=101,102&payload=false&snapshot=true",
        ));
        let members = json!({
            "op": "subscribe", "types": ["call.*"], "extensions": "101,102", "payload": false, "snapshot": true,
        });
        assert_eq!(
            Wish::from_query(query).unwrap(),
            Wish::from_members(members.as_object().unwrap()).unwrap(),
        );
    }

    #[test]
    fn parameters_of_the_other_sort_are_mistakes() {
        for text in ["before=latest", "limit=5", "order=desc"] {
            assert!(
                Wish::from_query(Query::parse(Some(text))).is_err(),
                "{text}"
            );
        }
        assert!(PageWish::from_query(Query::parse(Some("snapshot=true"))).is_err());
    }

    #[test]
    fn every_wrong_member_is_pointed_at() {
        let members =
            json!({"op": "subscribe", "types": "cal.*", "colour": "red", "after": 7, "limit": 5});
        let problem = Wish::from_members(members.as_object().unwrap()).unwrap_err();
        let json = problem.json();
        let mut pointers: Vec<_> = json["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["pointer"].as_str().unwrap())
            .collect();
        pointers.sort_unstable();
        assert_eq!(pointers, ["/after", "/colour", "/limit", "/types"]);
    }

    #[test]
    fn the_next_page_asks_for_the_same() {
        let query = Query::parse(Some(
            "types=call.*&after=earliest&limit=2&order=asc&tenants=a%20b&ticket=x",
        ));
        let wish = PageWish::from_query({
            let mut query = query;
            query.take("ticket");
            query
        })
        .unwrap();
        assert_eq!(wish.again, "types=call.*&limit=2&order=asc&tenants=a%20b&");
    }
}
