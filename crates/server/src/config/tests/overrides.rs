use expect_test::expect;
use model::SourceId;

use super::{HQ, read, told_in};
use crate::config::{Config, Mode, Secret, Size};

fn with(text: &str, variables: &[(&str, &str)]) -> Config {
    read(text, variables, &[]).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

#[test]
fn a_variable_overrides_a_value() {
    let config = with(
        "[server]\nlisten = \"127.0.0.1:1\"\n[log]\nretention = { hours = 1, bytes = \"1GiB\" }",
        &[
            ("SWITCHHOOK_SERVER__LISTEN", "127.0.0.1:2"),
            ("SWITCHHOOK_LOG__RETENTION__BYTES", "2GiB"),
            ("SWITCHHOOK_LIMITS__STREAMS", "7"),
            ("SWITCHHOOK_WEBHOOKS__ALLOW_HTTP", "true"),
            ("SWITCHHOOK_SERVER__TRUSTED_PROXIES", "[\"10.0.0.0/8\"]"),
        ],
    );
    assert_eq!(config.server.listen.port(), 2);
    assert_eq!(config.log.retention.bytes, Size::gib(2));
    assert_eq!(
        config.log.retention.age.as_secs(),
        3_600,
        "the rest of the table stays"
    );
    assert_eq!(config.limits.streams, 7);
    assert!(config.webhooks.allow_http);
    assert_eq!(config.server.trusted_proxies.len(), 1);
}

#[test]
fn a_dash_in_the_name_of_a_source_is_spelt_as_an_underscore() {
    let hq2 = HQ.replace("sources.hq", "sources.hq-2");
    let config = with(&hq2, &[("SWITCHHOOK_SOURCES__HQ_2__REQUIRED", "true")]);
    assert!(config.sources[&SourceId::new("hq-2").unwrap()].required);
}

#[test]
fn a_source_can_be_made_of_variables_alone() {
    let config = with(
        "",
        &[
            ("SWITCHHOOK_SOURCES__HQ_2__ADAPTER", "portsip"),
            ("SWITCHHOOK_SOURCES__HQ_2__URL", "wss://pbx.example.com"),
            ("SWITCHHOOK_SOURCES__HQ_2__USERNAME", "101"),
            ("SWITCHHOOK_SOURCES__HQ_2__PASSWORD", "12345"),
            ("SWITCHHOOK_SOURCES__HQ_2__TOPICS", "[\"cdr_events\"]"),
            ("SWITCHHOOK_TENANTS__ACME__HQ_2", "883611252155219968"),
        ],
    );
    let id = SourceId::new("hq-2").unwrap();
    assert_eq!(
        config.sources[&id].settings.text("username"),
        Some("101"),
        "digits are text where text is wanted"
    );
    assert_eq!(
        config.sources[&id].settings.secret("password"),
        Some(&Secret::new("12345"))
    );
    assert_eq!(
        config
            .tenants
            .name(&id, "883611252155219968")
            .map(|name| &**name),
        Some("acme")
    );
}

#[test]
fn lists_of_tables_are_overridden_whole() {
    let tokens = format!(
        "[{{ name = \"ci\", sha256 = \"{}\", scopes = [\"admin\"] }}]",
        "0".repeat(64)
    );
    let config = with(
        "",
        &[
            ("SWITCHHOOK_AUTH__TOKENS", &tokens),
            ("SWITCHHOOK_AUTH__MODE", "tokens"),
        ],
    );
    assert_eq!(config.auth.mode, Mode::Tokens);
    assert!(config.auth.tokens.contains_key("ci"));
}

#[test]
fn a_secret_can_be_pointed_elsewhere() {
    let config = with(
        HQ,
        &[
            ("SWITCHHOOK_SOURCES__HQ__PASSWORD__ENV", "PW"),
            ("PW", "other"),
        ],
    );
    let hq = &config.sources[&SourceId::new("hq").unwrap()];
    assert_eq!(hq.settings.secret("password"), Some(&Secret::new("other")));
}

#[test]
fn other_variables_are_none_of_our_business() {
    let config = with(
        "",
        &[
            ("SWITCHHOOK_TOKEN", "x"),
            ("SWITCHHOOK_PORT_7575_TCP", "y"),
            ("SERVER__LISTEN", "z"),
        ],
    );
    assert_eq!(config, with("", &[]));
}

#[test]
fn mistakes_name_the_variable() {
    let told = told_in(
        HQ,
        &[
            ("SWITCHHOOK_SERVER__LISTEN", "everywhere"),
            ("SWITCHHOOK_SERVR__LISTEN", "127.0.0.1:1"),
            ("SWITCHHOOK_LIMITS__STREAMS", "many"),
            ("SWITCHHOOK_SOURCES__HQ__TOPICS", "cdr_events"),
            ("SWITCHHOOK_SOURCES__HQ__PASSWORD", "[1234]"),
            ("SWITCHHOOK_AUTH__MODE__X", "1"),
        ],
        &[],
    );
    expect![[r#"
        SWITCHHOOK_AUTH__MODE__X: auth.mode: expected a string, found a table
          mend: write it in quotes, such as "none"
        SWITCHHOOK_LIMITS__STREAMS: limits.streams: expected an integer, found a string
          mend: write a whole number, without quotes
        SWITCHHOOK_SERVER__LISTEN: server.listen: "everywhere" is not an IP address with a port
          mend: write an IP address with a port, such as "127.0.0.1:7575"
        SWITCHHOOK_SERVR__LISTEN: servr: unknown key
          mend: did you mean `server`? the keys here are auth, limits, log, server, sources, telemetry, tenants, webhooks
        SWITCHHOOK_SOURCES__HQ__TOPICS: sources.hq.topics: expected a list, found a string
          mend: write it in brackets: [ … ]
        5 mistakes
    "#]].assert_eq(&told);
}
