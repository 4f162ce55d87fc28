//! PortSIP sources: their keys, and how they become an adapter.

mod simulation;

use adapter::{Adapter, Limits, recording};
use portsip::{
    Config, Portsip,
    wire::{Dialect, Topic},
};

use super::{Entry, Key, Kind};
use crate::config::{Problem, Secret, Source};

pub(super) const ENTRY: Entry = Entry {
    name: "portsip",
    place: "hq",
    schemes: &["wss", "ws"],
    example: "wss://pbx.example.com:8887/wsi",
    keys: KEYS,
    commands: Vec::new,
    check,
    build,
    bare: BARE,
    notation: recording::plain,
    simulate: simulation::start,
};

const BARE: &str = r#"
url = "wss://pbx.example.com:8887/wsi"
username = "supervisor"
domain = "test.com"
password = "***"
topics = ["cdr_events", "trunk_events"]
"#;

const KEYS: &[Key] = &[
    Key {
        name: "dialect",
        kind: Kind::Word(&["auto", "v12", "v16", "v16.2", "v22", "v22.3"]),
        required: false,
        help: "write the version of the PBX, or \"auto\"",
    },
    Key {
        name: "username",
        kind: Kind::Text,
        required: false,
        help: "write username = \"…\" (with domain, except for a system administrator) or extension_number = \"…\"",
    },
    Key {
        name: "extension_number",
        kind: Kind::Text,
        required: false,
        help: "write either username or extension_number",
    },
    Key {
        name: "domain",
        kind: Kind::Text,
        required: false,
        help: "write domain = \"…\", the SIP domain of the tenant",
    },
    Key {
        name: "password",
        kind: Kind::Secret,
        required: true,
        help: "write password = { env = \"NAME\" }, { file = \"path\" } or \"literal\"",
    },
    Key {
        name: "topics",
        kind: Kind::Words(&[
            "extension_events",
            "cdr_events",
            "queue_events",
            "queue_management_events",
            "extension_management_events",
            "trunk_events",
            "global_extension_events",
            "global_extension_management_events",
            "global_cdr_events",
            "global_queue_events",
            "global_queue_management_events",
        ]),
        required: false,
        help: "write topics = [\"extension_events\", \"cdr_events\", …]",
    },
    Key {
        name: "extensions",
        kind: Kind::Texts,
        required: false,
        help: "write extensions = [\"101\", …]: the numbers for extension_events",
    },
    Key {
        name: "queues",
        kind: Kind::Texts,
        required: false,
        help: "write queues = [\"8001\", …]: the numbers for queue_events",
    },
    Key {
        name: "tenants",
        kind: Kind::Texts,
        required: false,
        help: "write tenants = [\"883611252155219968\", …]: the ids for global_* topics",
    },
    Key {
        name: "service_numbers",
        kind: Kind::Texts,
        required: false,
        help: "write service_numbers = [\"5000\", …]: IVRs and the like",
    },
    Key {
        name: "voicemail_numbers",
        kind: Kind::Texts,
        required: false,
        help: "write voicemail_numbers = [\"999\", …]: where callers leave messages",
    },
];

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
    Box::new(Portsip::new(source.id.clone(), config(source), limits))
}

fn config(source: &Source) -> Config {
    let settings = &source.settings;
    let text = |key| settings.text(key).map(str::to_owned);
    let password = settings.secret("password").map_or("", Secret::expose);
    let topics = match settings.texts("topics") {
        [] => vec![Topic::Cdrs.as_str().to_owned()],
        topics => topics.to_vec(),
    };
    Config {
        url: source.url.as_str().to_owned(),
        // "auto" is no dialect but the wish to find out.
        dialect: settings.text("dialect").and_then(Dialect::parse),
        username: text("username"),
        extension_number: text("extension_number"),
        domain: text("domain"),
        password: portsip::config::Secret::new(password),
        topics,
        extensions: settings.texts("extensions").to_vec(),
        queues: settings.texts("queues").to_vec(),
        tenants: settings.texts("tenants").to_vec(),
        service_numbers: settings.texts("service_numbers").to_vec(),
        voicemail_numbers: settings.texts("voicemail_numbers").to_vec(),
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

    fn words(name: &str) -> Vec<&'static str> {
        let key = KEYS.iter().find(|key| key.name == name).unwrap();
        match key.kind {
            Kind::Word(words) | Kind::Words(words) => words.to_vec(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn the_words_are_those_of_the_adapter() {
        let (mut topics, mut known) = (words("topics"), Topic::ALL.map(Topic::as_str));
        topics.sort_unstable();
        known.sort_unstable();
        assert_eq!(topics, known);
        let dialects = Dialect::ALL.map(Dialect::as_str);
        assert_eq!(words("dialect"), [&["auto"], &dialects[..]].concat());
    }
}
