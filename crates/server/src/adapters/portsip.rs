//! The keys of a PortSIP source.

use super::{Entry, Key, Kind};
use crate::config::{Problem, Source};

pub(super) const ENTRY: Entry = Entry {
    name: "portsip",
    schemes: &["wss", "ws"],
    example: "wss://pbx.example.com:8887/wsi",
    keys: KEYS,
    check,
};

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
];

/// Who logs in, and what each topic needs to be told.
fn check(source: &Source) -> Vec<Problem> {
    let settings = &source.settings;
    let mut problems = Vec::new();
    let mut problem = |key: &str, message: &str| {
        problems.push(Problem {
            key: key.to_owned(),
            message: message.to_owned(),
        });
    };
    let (username, extension) = (settings.text("username"), settings.text("extension_number"));
    match (username, extension) {
        (None, None) => problem("username", "nobody to log in as"),
        (Some(_), Some(_)) => problem(
            "extension_number",
            "a source logs in as a user or as an extension, not both",
        ),
        (None, Some(_)) if settings.text("domain").is_none() => {
            problem("domain", "an extension logs in to a domain");
        }
        _ => {}
    }
    let topics = settings.texts("topics");
    let has = |topic: &str| topics.iter().any(|known| known == topic);
    if has("extension_events") && settings.texts("extensions").is_empty() {
        problem(
            "extensions",
            "extension_events needs to know which extensions",
        );
    }
    if has("queue_events") && settings.texts("queues").is_empty() {
        problem("queues", "queue_events needs to know which queues");
    }
    let global = topics.iter().any(|topic| topic.starts_with("global_"));
    if global && settings.texts("tenants").is_empty() {
        problem("tenants", "global_* topics need to know which tenants");
    }
    problems
}
