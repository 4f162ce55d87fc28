//! Messages and entities as `message_parser.js`, `utils.js` and `cti.js` take them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Heard,
    bert::{Js, decode},
};

/// The elements that it keeps, and the key of each.
const ELEMENTS: [(&str, &str); 9] = [
    ("channel", "uuid"),
    ("channel_waiting", "uuid"),
    ("queued_channel", "uuid"),
    ("parked_channel", "uuid"),
    ("user", "id"),
    ("group", "id"),
    ("group_member", "id"),
    ("terminal", "id"),
    ("domain", "id"),
];

/// The client, as far as it can be disappointed.
#[derive(Default)]
pub(crate) struct Client {
    fields: BTreeMap<String, Vec<String>>,
    legs: BTreeSet<String>,
    pub(crate) heard: Heard,
}

type Entity<'a> = BTreeMap<String, Js<'a>>;

impl Client {
    /// Legs that it believes to be there.
    pub(crate) fn left(&self) -> usize {
        self.legs.len()
    }

    /// A binary message.
    pub(crate) fn hear(&mut self, frame: &[u8]) -> Result<(), String> {
        let Js::Tuple(message) = decode(frame)? else {
            return Err("no tuple".to_owned());
        };
        let kind = plain(message.first().ok_or("an empty message")?)?;
        match (kind.as_str(), &message[1..]) {
            ("field_spec", [element, Js::List(names)]) => {
                let names = names.iter().map(|name| match name {
                    Js::Atom(_) | Js::Binary(_) => plain(name),
                    other => Err(format!("a name without a `value`: {other:?}")),
                });
                let names = names.collect::<Result<_, _>>()?;
                self.fields.insert(string(element)?, names);
            }
            ("initial_info", [element, list]) => self.list(&string(element)?, list)?,
            ("info_event", [element, entity, change]) => {
                self.event(&string(element)?, entity, &string(change)?)?;
            }
            ("system_msg" | "msg", [_]) => {}
            (kind, _) => return Err(format!("a message of another form: {kind}")),
        }
        Ok(())
    }

    fn list(&mut self, element: &str, list: &Js<'_>) -> Result<(), String> {
        let items = match list {
            Js::List(items) => items,
            Js::Tuple(nil) if nil[..] == [Js::Atom(b"bert"), Js::Atom(b"nil")] => return Ok(()),
            other => return Err(format!("a snapshot that is no list: {other:?}")),
        };
        let mut keys = BTreeSet::new();
        for item in items {
            let entity = self.entity(element, item)?;
            let key = key_of(element, &entity)?;
            if !keys.insert(key.clone()) {
                return Err(format!("{element} {key} twice: the last one wins"));
            }
            if element == "channel" {
                self.legs.insert(key);
            }
        }
        Ok(())
    }

    fn event(&mut self, element: &str, entity: &Js<'_>, change: &str) -> Result<(), String> {
        if !["added", "updated", "removed"].contains(&change) {
            return Err(format!("an event that nobody handles: {change}"));
        }
        let entity = self.entity(element, entity)?;
        let key = key_of(element, &entity)?;
        *self.heard.entry(format!("{element} {change}")).or_default() += 1;
        if element != "channel" {
            return Ok(());
        }
        let hangup = entity.get("last_event").map(plain).transpose()?;
        if change == "removed" || hangup.as_deref() == Some("CHANNEL_HANGUP") {
            self.legs.remove(&key);
        } else {
            self.legs.insert(key);
        }
        Ok(())
    }

    /// `create_entity_info`.
    fn entity<'a>(&mut self, element: &str, entity: &Js<'a>) -> Result<Entity<'a>, String> {
        let (Js::Tuple(values) | Js::List(values)) = entity else {
            return Err(format!("no entity: {entity:?}"));
        };
        let fields = self.fields.get(element);
        let fields = fields.ok_or_else(|| format!("{element} before its field_spec"))?;
        if values.len() != fields.len() {
            return Err(format!(
                "{element}: {} values for {} fields",
                values.len(),
                fields.len()
            ));
        }
        let mut told = Entity::new();
        for (name, value) in fields.iter().zip(values) {
            if matches!(value, Js::List(_)) {
                return Err(format!("{element}.{name}: a list, which is dropped"));
            }
            if *value != Js::Atom(b"undefined") {
                told.insert(name.clone(), value.clone());
            }
        }
        let is_leg = [
            "channel",
            "channel_waiting",
            "queued_channel",
            "parked_channel",
        ];
        if is_leg.contains(&element) {
            self.leg(&told)
                .map_err(|error| format!("{element}: {error}"))?;
        }
        if ["user", "group"].contains(&element)
            && let Some(label) = told.get("label")
        {
            let bytes = bytes(label)?;
            std::str::from_utf8(bytes).map_err(|error| format!("{element}.label: {error}"))?;
        }
        Ok(told)
    }

    fn leg(&mut self, leg: &Entity<'_>) -> Result<(), String> {
        if let Some(state) = leg.get("state") {
            let Js::Tuple(state) = state else {
                return Err(format!("a state that is no tuple: {state:?}"));
            };
            let [Js::Number(_), name, rest @ ..] = &state[..] else {
                return Err(format!("a state without time and name: {state:?}"));
            };
            let name = plain(name)?;
            if name == "calling" {
                let [_, kind, data, ..] = rest else {
                    return Err("calling nobody: its data is looked into".to_owned());
                };
                let looked_into = ["user", "group", "pstn", "bridged_endpoint"];
                if looked_into.contains(&&*plain(kind)?) && !matches!(data, Js::Tuple(_)) {
                    return Err(format!("calling: data that is no tuple: {data:?}"));
                }
            }
            *self.heard.entry(name).or_default() += 1;
        }
        if let Some(target) = leg.get("target")
            && !matches!(target, Js::Tuple(target) if target.len() == 4)
        {
            return Err(format!("a target that is no tuple: {target:?}"));
        }
        for name in ["end_user", "origination", "tags"] {
            if let Some(text) = leg.get(name) {
                let text = bytes(text).map_err(|error| format!("{name}: {error}"))?;
                if name != "tags" {
                    uri(text).map_err(|error| format!("{name}: {error}"))?;
                }
            }
        }
        if let Some(other) = leg.get("other_info") {
            let Js::Tuple(other) = other else {
                return Err(format!("other_info that is no tuple: {other:?}"));
            };
            if plain(&other[0])? != "user" && other[1] != Js::Atom(b"undefined") {
                uri(bytes(&other[1])?)?;
            }
        }
        Ok(())
    }
}

/// What a store keeps an entity under.
fn key_of(element: &str, entity: &Entity<'_>) -> Result<String, String> {
    let known = ELEMENTS.iter().find(|(known, _)| *known == element);
    let (_, key) = known.ok_or_else(|| format!("{element} is not kept"))?;
    plain(
        entity
            .get(*key)
            .ok_or_else(|| format!("{element} without {key}"))?,
    )
}

/// What is compared with `===` and `includes`: a string, and nothing but charlists becomes one.
fn string(term: &Js<'_>) -> Result<String, String> {
    match term {
        Js::Text(text) => Ok(String::from_utf8_lossy(text).into_owned()),
        other => Err(format!("no charlist: {other:?}")),
    }
}

/// What is compared with `==`, or shown.
fn plain(term: &Js<'_>) -> Result<String, String> {
    match term {
        Js::Number(number) => Ok(number.to_string()),
        text => bytes(text).map(|text| String::from_utf8_lossy(text).into_owned()),
    }
}

fn bytes<'a>(term: &Js<'a>) -> Result<&'a [u8], String> {
    match term {
        Js::Text(text) | Js::Atom(text) | Js::Binary(text) => Ok(text),
        other => Err(format!("no text: {other:?}")),
    }
}

/// `decodeURIComponent`, which throws on what is malformed.
fn uri(text: &[u8]) -> Result<(), String> {
    let mut plain = Vec::new();
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            plain.push(*byte);
            continue;
        }
        let digits = rest
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        plain.push(value.ok_or("URI malformed")?);
        rest = &rest[2..];
    }
    std::str::from_utf8(&plain).map_err(|_| "URI malformed: no UTF-8".to_owned())?;
    Ok(())
}
