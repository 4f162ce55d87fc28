//! Telecom X sources: their keys, and how they become an adapter.

mod simulation;

use adapter::{Adapter, Limits, recording};
use telecomx::{Config, TelecomX, link::packet::Engine};

use super::{Entry, Key, Kind};
use crate::config::{Problem, Secret, Source};

pub(super) const ENTRY: Entry = Entry {
    name: "telecomx",
    place: "cph",
    schemes: &["https", "http"],
    example: "https://api.telecomx.dk",
    keys: KEYS,
    commands: telecomx::commands,
    check,
    build,
    bare: BARE,
    notation: recording::plain,
    simulate: simulation::start,
};

const BARE: &str = r#"
url = "https://api.telecomx.dk"
token = "***"
customer = "5f00000000000000000000c1"
channels = ["PBX", "CALL", "REGISTER", "CONFIG"]
snapshot = false
"#;

const KEYS: &[Key] = &[
    Key {
        name: "token",
        kind: Kind::Secret,
        required: false,
        help: "write token = { env = \"NAME\" }, { file = \"path\" } or \"literal\"; or username and password",
    },
    Key {
        name: "username",
        kind: Kind::Text,
        required: false,
        help: "write username = \"…\", the e-mail address to log in with, and password; or token",
    },
    Key {
        name: "password",
        kind: Kind::Secret,
        required: false,
        help: "write password = { env = \"NAME\" }, { file = \"path\" } or \"literal\", beside username",
    },
    Key {
        name: "customer",
        kind: Kind::Text,
        required: false,
        help: "write customer = \"…\", the id of the customer whose events to hear",
    },
    Key {
        name: "channels",
        kind: Kind::Words(&[
            "PBX",
            "CALL",
            "REGISTER",
            "CONFIG",
            "CONFIG-NOT-IPTV",
            "ADMIN",
            "ADMIN:PBX",
            "ADMIN:CALL",
            "ADMIN:REGISTER",
            "ADMIN:CONFIG",
            "ADMIN:REALTIME",
        ]),
        required: false,
        help: "write channels = [\"PBX\", \"CALL\", \"REGISTER\", \"CONFIG\"]",
    },
    Key {
        name: "events",
        kind: Kind::Texts,
        required: false,
        help: "write events = [\"CALL_START\", …]: the only events of PBX and CONFIG to hear",
    },
    Key {
        name: "types",
        kind: Kind::Words(&["CONFIG", "CALL", "REGISTER", "PBX", "REALTIME"]),
        required: false,
        help: "write types = [\"CALL\", …]: the only types of ADMIN to hear",
    },
    Key {
        name: "engine_io",
        kind: Kind::Word(&["auto", "4", "3"]),
        required: false,
        help: "write \"auto\", or the version of Engine.IO that the service speaks",
    },
    Key {
        name: "snapshot",
        kind: Kind::Flag,
        required: false,
        help: "write snapshot = false to ask REST for nothing",
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
    Box::new(TelecomX::new(source.id.clone(), config(source), limits))
}

fn config(source: &Source) -> Config {
    let settings = &source.settings;
    let text = |key| settings.text(key).map(str::to_owned);
    let secret = |key| {
        let secret = settings.secret(key).map(Secret::expose);
        secret.map(telecomx::config::Secret::new)
    };
    let channels = match settings.texts("channels") {
        [] => Config::CHANNELS
            .map(|channel| channel.as_str().to_owned())
            .to_vec(),
        channels => channels.to_vec(),
    };
    Config {
        url: source.url.as_str().to_owned(),
        token: secret("token"),
        username: text("username"),
        password: secret("password"),
        customer: text("customer"),
        channels,
        events: settings.texts("events").to_vec(),
        types: settings.texts("types").to_vec(),
        // "auto" is no version but the wish to find out.
        engine_io: match settings.text("engine_io") {
            Some("4") => Some(Engine::V4),
            Some("3") => Some(Engine::V3),
            _ => None,
        },
        snapshot: settings.flag("snapshot").unwrap_or(true),
        region: source.region.clone(),
        ca_file: source.ca_file.clone(),
        insecure_tls: source.insecure_tls,
        allow_plaintext: source.allow_plaintext,
        include_native: source.include_native,
    }
}

#[cfg(test)]
mod tests {
    use telecomx::wire::Channel;

    use super::*;

    #[test]
    fn the_words_are_those_of_the_adapter() {
        let words = |name: &str| {
            let key = KEYS.iter().find(|key| key.name == name).unwrap();
            match key.kind {
                Kind::Word(words) | Kind::Words(words) => words.to_vec(),
                _ => Vec::new(),
            }
        };
        let (mut channels, mut known) = (words("channels"), Channel::ALL.map(Channel::as_str));
        channels.sort_unstable();
        known.sort_unstable();
        assert_eq!(channels, known);
        assert_eq!(words("types"), Config::TYPES);
        let engines = [Engine::V4, Engine::V3].map(Engine::as_str);
        assert_eq!(words("engine_io"), [&["auto"], &engines[..]].concat());
    }
}
