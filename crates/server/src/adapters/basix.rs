//! Basix sources: their keys, and how they become an adapter.

mod simulation;

use adapter::{Adapter, Limits, recording::Encode};
use basix::{Basix, Config, config::UserBy, sim::Notation};

use super::{Entry, Key, Kind};
use crate::config::{Problem, Secret, Source};

pub(super) const ENTRY: Entry = Entry {
    name: "basix",
    place: "tokyo",
    schemes: &["wss", "ws"],
    example: "wss://bcs.brastel.com/basix/api/ws_cti",
    keys: KEYS,
    commands: basix::commands,
    check,
    build,
    bare: BARE,
    notation,
    simulate: simulation::start,
};

const BARE: &str = r#"
url = "wss://pbx.example.com/basix/api/ws_cti"
domain = "test1.com"
token = "***"
"#;

const KEYS: &[Key] = &[
    Key {
        name: "domain",
        kind: Kind::Text,
        required: false,
        help: "write domain = \"…\", the domain of the PBX",
    },
    Key {
        name: "token",
        kind: Kind::Secret,
        required: false,
        help: "write token = { env = \"NAME\" }, { file = \"path\" } or \"literal\": the API token of the domain",
    },
    Key {
        name: "ticket",
        kind: Kind::Flag,
        required: false,
        help: "write ticket = true to draw a ticket for each connection; needs full_events = false",
    },
    Key {
        name: "cookie",
        kind: Kind::Secret,
        required: false,
        help: "write cookie = { env = \"NAME\" }: the session cookie, in place of domain and token",
    },
    Key {
        name: "app_name",
        kind: Kind::Text,
        required: false,
        help: "write app_name = \"switchhook\": each gateway its own, since the PBX allows two connections of a name",
    },
    Key {
        name: "full_events",
        kind: Kind::Flag,
        required: false,
        help: "write full_events = false to hear of one user's legs only",
    },
    Key {
        name: "user",
        kind: Kind::Text,
        required: false,
        help: "write user = \"1001\": whose legs to hear of, with full_events = false",
    },
    Key {
        name: "user_by",
        kind: Kind::Word(&["id", "name", "label", "extension", "did", "email"]),
        required: false,
        help: "write what user is: \"extension\"",
    },
    Key {
        name: "force",
        kind: Kind::Flag,
        required: false,
        help: "write force = true to take the place of another connection of the same app_name",
    },
];

/// Frames as people write them, put into BERT.
fn notation() -> Encode {
    let mut notation = Notation::default();
    Box::new(move |frame| notation.frame(frame).map_err(|error| error.to_string()))
}

fn check(source: &Source) -> Vec<Problem> {
    let problems = config(source).check().into_iter();
    problems
        .map(|problem| Problem {
            key: problem.key.to_owned(),
            message: problem.message,
        })
        .collect()
}

fn build(source: &Source) -> Box<dyn Adapter> {
    let limits = Limits {
        silence: source.silence,
        max_frame: source.max_frame.as_usize(),
    };
    Box::new(Basix::new(source.id.clone(), config(source), limits))
}

fn config(source: &Source) -> Config {
    let settings = &source.settings;
    let text = |key| settings.text(key).map(str::to_owned);
    let secret = |key| {
        settings
            .secret(key)
            .map(|secret| basix::config::Secret::new(Secret::expose(secret)))
    };
    Config {
        url: source.url.as_str().to_owned(),
        domain: text("domain"),
        token: secret("token"),
        ticket: settings.flag("ticket").unwrap_or(false),
        cookie: secret("cookie"),
        app_name: text("app_name").unwrap_or_else(|| "switchhook".to_owned()),
        full_events: settings.flag("full_events").unwrap_or(true),
        user: text("user"),
        user_by: settings
            .text("user_by")
            .and_then(UserBy::parse)
            .unwrap_or_default(),
        force: settings.flag("force").unwrap_or(false),
        region: source.region.clone(),
        ca_file: source.ca_file.clone(),
        insecure_tls: source.insecure_tls,
        allow_plaintext: source.allow_plaintext,
        include_native: source.include_native,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_adapter() {
        let key = KEYS.iter().find(|key| key.name == "user_by").unwrap();
        let Kind::Word(words) = key.kind else {
            panic!("no words");
        };
        assert!(words.iter().all(|word| UserBy::parse(word).is_some()));
    }
}
