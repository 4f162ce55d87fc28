use std::{collections::BTreeSet, net::SocketAddr, path::Path, time::Duration};

use model::SourceId;
use serde_json::Value;

use super::{HQ, read, right};
use crate::{
    adapters,
    config::{Changes, Config, DEFAULTS, Mode, Scope, Secret, Size, diff},
};

#[test]
fn the_file_of_defaults_sets_what_the_code_assumes() {
    assert_eq!(right(DEFAULTS), right(""));
    let listen: SocketAddr = "127.0.0.1:7575".parse().unwrap();
    assert_eq!(right("").server.listen, listen);
    assert_eq!(right("").log.path, Path::new("/etc/switchhook.db"));
}

#[test]
fn the_file_of_defaults_names_every_key() {
    fn keys(schema: &Value, found: &mut BTreeSet<String>) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, below) in properties.into_iter().flatten() {
            found.insert(key.clone());
            keys(below, found);
        }
        let below = [
            schema.get("items"),
            schema.pointer("/additionalProperties/anyOf/0"),
        ];
        below
            .into_iter()
            .flatten()
            .for_each(|below| keys(below, found));
    }
    let mut known = BTreeSet::new();
    keys(&Config::schema(adapters::ALL), &mut known);
    assert!(known.len() > 50, "{known:?}");
    for key in known {
        let named = |line: &str| {
            let words: Vec<&str> = line.split([' ', '[', ']', '.', ',', ';']).collect();
            words.contains(&key.as_str())
        };
        assert!(DEFAULTS.lines().any(named), "{key}");
    }
}

#[test]
fn the_schema_takes_the_file_of_defaults_and_its_examples() {
    let schema = jsonschema::validator_for(&Config::schema(adapters::ALL)).unwrap();
    let json = |text: &str| toml_edit::de::from_str::<Value>(text).unwrap();
    for text in [DEFAULTS, &examples(), HQ, ""] {
        let errors: Vec<String> = schema
            .iter_errors(&json(text))
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    for text in [
        "[sever]",
        "[server]\nlisten = 7575",
        "[log]\nsync = \"always\"",
        "[limits]\nstreams = 0",
        "[log]\nframes = \"much\"",
        "[[auth.tokens]]\nname = \"a\"\nscopes = [\"admin\"]",
        "[tenants]\nacme = 1",
        "[sources.hq]\nadapter = \"basix\"",
        &HQ.replace("password", "pasword"),
        &HQ.replace("cdr_events", "cdr_event"),
    ] {
        assert!(!schema.is_valid(&json(text)), "{text}");
        assert!(read(text, &[], &[]).is_err(), "{text}");
    }
}

/// The file of defaults with its examples.
fn examples() -> String {
    let uncommented: Vec<&str> = DEFAULTS
        .lines()
        .skip_while(|line| !line.starts_with("[server]"))
        .map(|line| line.strip_prefix("# ").unwrap_or(line))
        .filter(|line| !line.starts_with("sha256"))
        .collect();
    let digest = format!("name = \"crm\"\nsha256 = \"{}\"", "ab".repeat(32));
    uncommented.join("\n").replace("name = \"crm\"", &digest)
}

#[test]
fn the_examples_in_the_file_of_defaults_are_right() {
    let pem = "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n";
    let config = read(
        &examples(),
        &[
            ("HQ_PASSWORD", "p"),
            ("WEBHOOK_KEY", "k"),
            ("BASIX_TOKEN", "t"),
            ("TELECOMX_TOKEN", "t"),
        ],
        &[
            ("/etc/server.pem", pem),
            ("/etc/server.key", pem),
            ("/etc/pbx-ca.pem", pem),
            ("/etc/id-ca.pem", pem),
            ("/etc/hooks-ca.pem", pem),
        ],
    );
    let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(config.auth.mode, Mode::None);
    assert_eq!(
        config.auth.tokens["crm"].scopes,
        [Scope::EventsRead, Scope::StateRead]
    );
    let hq = &config.sources[&SourceId::new("hq").unwrap()];
    assert_eq!(hq.settings.texts("extensions"), ["101", "102"]);
    assert_eq!(
        hq.settings.secret("password").map(Secret::expose),
        Some("p")
    );
    assert_eq!(hq.settings.text("dialect"), Some("auto"));
    let plain = right(HQ).sources.into_values().next().unwrap();
    assert_eq!(
        (hq.reconnect, hq.silence),
        (plain.reconnect, plain.silence),
        "examples that say they are defaults"
    );
    assert_eq!(
        (hq.max_frame, hq.max_call_age),
        (plain.max_frame, plain.max_call_age)
    );
    assert_eq!(
        (hq.required, hq.include_native),
        (plain.required, plain.include_native)
    );
}

#[test]
fn sources_have_sensible_defaults() {
    let hq = right(HQ).sources.into_values().next().unwrap();
    assert_eq!(hq.silence, Duration::from_secs(90));
    assert_eq!(hq.max_frame, Size::mib(4));
    assert!(hq.include_native && !hq.required && !hq.insecure_tls);
    assert_eq!(hq.settings.text("dialect"), None);
}

#[test]
fn every_source_can_be_built_without_a_network() {
    let config = right(&format!("{HQ}silence = \"30s\""));
    for source in config.sources.values() {
        let adapter = adapters::build(source).unwrap();
        assert_eq!(adapter.descriptor().adapter, source.adapter);
        assert!(adapter.descriptor().silence < source.silence);
    }
}

#[test]
fn plain_text_is_for_loopback_or_by_wish() {
    let local = HQ.replace("wss://pbx.example.com:8887", "ws://127.0.0.1:8887");
    right(&local);
    let wished = HQ.replace("wss://", "ws://") + "allow_plaintext = true";
    let warnings = right(&wished).warnings().join("\n");
    assert!(
        warnings.contains("sources.hq.allow_plaintext"),
        "{warnings}"
    );
}

#[test]
fn tenants_have_one_name_for_one_or_more_native_ids() {
    let config = right(&format!(
        "[tenants]\nacme = {{ hq = [\"883\", \"884\"] }}\nglobex = {{ hq = \"885\" }}\n{HQ}"
    ));
    let hq = SourceId::new("hq").unwrap();
    let name = |native| config.tenants.name(&hq, native).map(|name| &**name);
    assert_eq!(
        (name("884"), name("885"), name("886")),
        (Some("acme"), Some("globex"), None)
    );
}

#[test]
fn secrets_come_from_the_file_the_environment_or_a_file_of_their_own() {
    let with = |form: &str| HQ.replace("\"hunter2\"", form);
    for form in [
        "\"hunter2\"",
        "{ env = \"PW\" }",
        "{ file = \"pw\" }",
        "{ file = \"/run/pw\" }",
    ] {
        let config = read(
            &with(form),
            &[("PW", "hunter2")],
            &[("/etc/pw", "hunter2\n"), ("/run/pw", "hunter2\r\n")],
        );
        let source = config.unwrap().sources.into_values().next().unwrap();
        assert_eq!(
            source.settings.secret("password"),
            Some(&Secret::new("hunter2")),
            "{form}"
        );
    }
}

#[test]
fn secrets_are_not_shown() {
    let config = right(&format!("[webhooks]\nkey = \"opensesame\"\n{HQ}"));
    let shown = format!("{config:?} {:?}", config.warnings());
    assert!(
        shown.contains("[redacted]") && !shown.contains("hunter2") && !shown.contains("opensesame"),
        "{shown}"
    );
    assert_eq!(
        serde_json::to_string(&Secret::new("hunter2")).unwrap(),
        "\"[redacted]\""
    );
}

#[test]
fn a_reload_touches_what_changed_and_nothing_else() {
    let token = |name: &str, digit: &str| {
        let digest = digit.repeat(64);
        format!(
            "[[auth.tokens]]\nname = \"{name}\"\nsha256 = \"{digest}\"\nscopes = [\"events:read\"]\n"
        )
    };
    let cph = HQ.replace("sources.hq", "sources.cph");
    let oslo = HQ.replace("sources.hq", "sources.oslo");
    let old = right(&format!(
        "{}{}{}{HQ}{cph}",
        token("a", "1"),
        token("b", "2"),
        token("c", "3")
    ));
    assert!(diff(&old, &old).is_empty());
    let new = right(&format!(
        "[server]\nlisten = \"127.0.0.1:80\"\n[limits]\nstreams = 1\n{}{}{}{}{oslo}",
        token("a", "1"),
        token("b", "4"),
        token("d", "3"),
        HQ.replace("hunter2", "hunter3"),
    ));
    let ids = |name: &str| [SourceId::new(name).unwrap()].into();
    let names = |name: &str| [name.to_owned()].into();
    let expected = Changes {
        sources_added: ids("oslo"),
        sources_removed: ids("cph"),
        sources_changed: ids("hq"),
        tokens_added: names("d"),
        tokens_removed: names("c"),
        tokens_changed: names("b"),
        limits: true,
        restart: vec!["server.listen"],
        ..Changes::default()
    };
    assert_eq!(diff(&old, &new), expected);
}
