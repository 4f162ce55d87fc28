use expect_test::expect;

use super::{HQ, read, told, told_in};

#[test]
fn five_mistakes_are_told_at_once() {
    expect![[r#"
        /etc/switchhook.toml:3:1: server.lisen: unknown key
          mend: did you mean `listen`? the keys here are allowed_origins, listen, public_url, tls, trusted_proxies
        /etc/switchhook.toml:4:14: server.public_url: this is not a URL of the form scheme://host[:port][/path] (credentials do not belong in it)
          mend: write it whole: scheme, host, and port and path where they are needed
        /etc/switchhook.toml:7:8: log.sync: "always" is not allowed here
          mend: allowed are "normal", "full"
        /etc/switchhook.toml:8:23: log.retention.hours: expected an integer, found a string
          mend: write a whole number, without quotes
        /etc/switchhook.toml:8:37: log.retention.bytes: "4 gigs" is not a size
          mend: write a size, such as "4MiB"
        /etc/switchhook.toml:11:11: limits.streams: -1 is out of bounds
          mend: write a value from 1 to 10000000
        6 mistakes
    "#]].assert_eq(&told(
        r#"
[server]
lisen = "127.0.0.1:7575"
public_url = "pbx-events.example.com"

[log]
sync = "always"
retention = { hours = "72", bytes = "4 gigs" }

[limits]
streams = -1
"#,
    ));
}

#[test]
fn a_collector_of_traces_speaks_http() {
    expect![[r#"
        /etc/switchhook.toml:2:8: telemetry.otlp: this is not an http or https URL
          mend: write the collector's URL for OTLP over HTTP, such as "http://127.0.0.1:4318"
        /etc/switchhook.toml:3:18: telemetry.sample_percent: 101 is out of bounds
          mend: write a value from 1 to 100
        2 mistakes
    "#]]
    .assert_eq(&told(
        "[telemetry]\notlp = \"grpc://127.0.0.1:4317\"\nsample_percent = 101\n",
    ));
}

#[test]
fn what_is_not_toml_is_told_by_line() {
    expect![[r#"
        /etc/switchhook.toml:4:6: this is not TOML: unclosed table, expected `]`
          mend: correct the line; further mistakes are found once the file can be read
        1 mistake
    "#]]
    .assert_eq(&told(
        "[server]\nlisten = \"127.0.0.1:7575\"\n\n[auth\nmode = \"none\"\n",
    ));
    expect![[r#"
        /etc/switchhook.toml:3:1: this is not TOML: duplicate key
          mend: correct the line; further mistakes are found once the file can be read
        1 mistake
    "#]]
    .assert_eq(&told("[log]\nsync = \"full\"\nsync = \"normal\"\n"));
}

#[test]
fn a_broken_line_with_a_secret_is_not_quoted() {
    let told = told("[webhooks]\nkey = \"hunter2\n");
    assert!(told.contains(":2:") && !told.contains("hunter2"), "{told}");
}

#[test]
fn unknown_keys_are_refused_everywhere() {
    expect![[r#"
        /etc/switchhook.toml:1:1: port: unknown key
          mend: remove it; the keys here are auth, limits, log, server, sources, telemetry, tenants, webhooks
        /etc/switchhook.toml:2:2: sever: unknown key
          mend: did you mean `server`? the keys here are auth, limits, log, server, sources, telemetry, tenants, webhooks
        /etc/switchhook.toml:3:9: server.tls2: unknown key
          mend: did you mean `tls`? the keys here are allowed_origins, listen, public_url, tls, trusted_proxies
        /etc/switchhook.toml:4:1: auth.tokens[0]: the key `scopes` is missing
          mend: write scopes = ["events:read", "state:read"]
        /etc/switchhook.toml:7:1: auth.tokens[0].scope: unknown key
          mend: did you mean `scopes`? the keys here are name, scopes, sha256, sources, tenants, types
        /etc/switchhook.toml:9:15: log.retention.days: unknown key
          mend: remove it; the keys here are bytes, hours
        /etc/switchhook.toml:18:1: sources.hq.pasword: unknown key
          mend: did you mean `password`? the keys here are adapter, allow_plaintext, ca_file, dialect, domain, extension_number, extensions, include_native, insecure_tls, max_call_age, max_frame, password, queues, reconnect, region, required, service_numbers, silence, tenants, topics, url, username, voicemail_numbers
        /etc/switchhook.toml:19:15: sources.hq.reconnect.initail: unknown key
          mend: did you mean `initial`? the keys here are budget_per_min, initial, max
        8 mistakes
    "#]].assert_eq(&told(&format!(
        "port = 80\n[sever]\n[server.tls2]\n[[auth.tokens]]\nname = \"a\"\nsha256 = \"{}\"\nscope = \"admin\"\n\
         [log]\nretention = {{ days = 3 }}\n{HQ}pasword = \"hunter3\"\nreconnect = {{ initail = \"1s\" }}\n",
        "a".repeat(64)
    )));
}

#[test]
fn wrong_types_are_told_with_the_right_one() {
    expect![[r#"
        /etc/switchhook.toml:2:10: server.listen: expected a string, found an integer
          mend: write it in quotes, such as "127.0.0.1:7575"
        /etc/switchhook.toml:3:19: server.allowed_origins: expected a list, found a string
          mend: write it in brackets: [ … ]
        /etc/switchhook.toml:4:7: server.tls: expected a table, found a boolean
          mend: write `{ key = value, … }` or a section in brackets
        /etc/switchhook.toml:6:11: limits.streams: expected an integer, found a string
          mend: write a whole number, without quotes
        /etc/switchhook.toml:7:18: limits.requests_per_s: expected an integer, found a number with a fraction
          mend: write a whole number, without quotes
        /etc/switchhook.toml:9:14: webhooks.allow_http: expected true or false, found a string
          mend: write true or false, without quotes
        /etc/switchhook.toml:10:7: webhooks.key: expected a secret, found an integer
          mend: write "literal", { env = "NAME" } or { file = "path" }
        /etc/switchhook.toml:12:8: tenants.acme: expected a table, found an integer
          mend: write `{ key = value, … }` or a section in brackets
        /etc/switchhook.toml:13:17: tenants.globex.hq: expected a string, found an integer
          mend: write it in quotes, such as "…"
        /etc/switchhook.toml:15:10: auth.tokens: expected a list, found a table
          mend: write it in brackets: [ … ]
        /etc/switchhook.toml:24:11: sources.hq.silence: expected a string, found an integer
          mend: write it in quotes, such as "45s"
        /etc/switchhook.toml:25:15: sources.hq.extensions[0]: expected a string, found an integer
          mend: write it in quotes, such as "…"
        /etc/switchhook.toml:26:12: sources.hq.required: expected true or false, found a date
          mend: write true or false, without quotes
        13 mistakes
    "#]].assert_eq(&told(&format!(
        "[server]\nlisten = 7575\nallowed_origins = \"https://a.example\"\ntls = true\n[limits]\nstreams = \"20000\"\n\
         requests_per_s = 1.5\n[webhooks]\nallow_http = \"yes\"\nkey = 12345\n[tenants]\nacme = 1\nglobex = {{ hq = 1 }}\n\
         [auth]\ntokens = {{ name = \"a\" }}\n{HQ}silence = 90\nextensions = [101, \"102\"]\nrequired = 1979-05-27\n"
    )));
}

#[test]
fn values_out_of_bounds_are_told_with_the_bounds() {
    expect![[r#"
        /etc/switchhook.toml:2:23: log.retention.hours: 0 is out of bounds
          mend: write a value from 1 to 876000
        /etc/switchhook.toml:2:34: log.retention.bytes: 1KiB is out of bounds
          mend: write a value from 1MiB to 1024TiB
        /etc/switchhook.toml:4:11: limits.streams: 0 is out of bounds
          mend: write a value from 1 to 10000000
        /etc/switchhook.toml:5:11: limits.headers: 1GiB is out of bounds
          mend: write a value from 1KiB to 64MiB
        /etc/switchhook.toml:6:15: limits.header_time: 1ms is out of bounds
          mend: write a value from 1s to 10m
        /etc/switchhook.toml:15:11: sources.hq.silence: 1s is out of bounds
          mend: write a value from 3s to 1d
        /etc/switchhook.toml:16:13: sources.hq.max_frame: 1B is out of bounds
          mend: write a value from 64KiB to 256MiB
        /etc/switchhook.toml:17:38: sources.hq.reconnect.max: the longest pause, 10s, is shorter than the first, 90s
          mend: write a longer one
        /etc/switchhook.toml:17:62: sources.hq.reconnect.budget_per_min: 0 is out of bounds
          mend: write a value from 1 to 100000
        9 mistakes
    "#]].assert_eq(&told(&format!(
        "[log]\nretention = {{ hours = 0, bytes = \"1KiB\" }}\n[limits]\nstreams = 0\nheaders = \"1GiB\"\n\
         header_time = \"1ms\"\n{HQ}silence = \"1s\"\nmax_frame = \"1B\"\n\
         reconnect = {{ initial = \"90s\", max = \"10s\", budget_per_min = 0 }}\n"
    )));
}

#[test]
fn units_and_addresses_are_explained() {
    expect![[r#"
        /etc/switchhook.toml:3:10: server.listen: "localhost:7575" is not an IP address with a port
          mend: write an IP address with a port, such as "127.0.0.1:7575"
        /etc/switchhook.toml:4:20: server.allowed_origins[0]: "https://a.example/page" is not a web origin (scheme and host, no path)
          mend: write a web origin (scheme and host, no path), such as "https://wallboard.example.com"
        /etc/switchhook.toml:4:46: server.allowed_origins[1]: "*" is not a web origin (scheme and host, no path)
          mend: write a web origin (scheme and host, no path), such as "https://wallboard.example.com"
        /etc/switchhook.toml:5:14: server.public_url: this is not an http or https URL
          mend: write an https URL, such as "https://pbx-events.example.com"
        /etc/switchhook.toml:6:20: server.trusted_proxies[0]: "10.0.0.0/33" is not a network
          mend: write a network, such as "10.0.0.0/8"
        /etc/switchhook.toml:6:35: server.trusted_proxies[1]: "proxy" is not a network
          mend: write a network, such as "10.0.0.0/8"
        /etc/switchhook.toml:9:10: log.frames: "1G" is not a size
          mend: write a size, such as "4MiB"
        /etc/switchhook.toml:12:15: limits.header_time: "10 minutes or so, whatever is left of the hour, and then some mo…" is not a duration
          mend: write a duration, such as "45s"
        8 mistakes
    "#]].assert_eq(&told(
        r#"
[server]
listen = "localhost:7575"
allowed_origins = ["https://a.example/page", "*"]
public_url = "wss://a.example"
trusted_proxies = ["10.0.0.0/33", "proxy"]

[log]
frames = "1G"

[limits]
header_time = "10 minutes or so, whatever is left of the hour, and then some more of it"
"#,
    ));
}

#[test]
fn nobody_is_let_in_from_outside_without_a_token() {
    expect![[r#"
        /etc/switchhook.toml:2:10: server.listen: auth.mode "none" lets everybody in, and 0.0.0.0:7575 is not loopback
          mend: write mode = "tokens" and add a token (`switchhook token new`), or listen on 127.0.0.1
        1 mistake
    "#]].assert_eq(&told("[server]\nlisten = \"0.0.0.0:7575\"\n"));
    expect![[r#"
        /etc/switchhook.toml:4:8: auth.mode: auth.mode "none" lets everybody in, and [::]:7575 is not loopback
          mend: write mode = "tokens" and add a token (`switchhook token new`), or listen on 127.0.0.1
        1 mistake
    "#]].assert_eq(&told(
        "[server]\nlisten = \"[::]:7575\"\n[auth]\nmode = \"none\"\n",
    ));
    assert_eq!(told("[server]\nlisten = \"[::1]:7575\"\n"), "right\n");
    assert_eq!(
        told("[server]\nlisten = \"0.0.0.0:1\"\n[auth]\nmode = \"tokens\"\n"),
        "right\n"
    );
}

#[test]
fn tokens_are_checked() {
    expect![[r#"
        /etc/switchhook.toml:3:8: auth.mode: "token" is not allowed here
          mend: did you mean "tokens"? allowed are "none", "tokens"
        /etc/switchhook.toml:13:11: auth.tokens[1].scopes[0]: "event:read" is not allowed here
          mend: did you mean "events:read"? allowed are "events:read", "state:read", "webhooks:write", "commands:write", "sources:operate", "metrics:read", "pii:read", "admin"
        /etc/switchhook.toml:13:25: auth.tokens[1].scopes[1]: "everything" is not allowed here
          mend: allowed are "events:read", "state:read", "webhooks:write", "commands:write", "sources:operate", "metrics:read", "pii:read", "admin"
        /etc/switchhook.toml:14:11: auth.tokens[1].sources: there is no source "hp"
          mend: did you mean `hq`?
        /etc/switchhook.toml:15:20: auth.tokens[1].types[1]: "call.begun" matches no event type
          mend: write an event type or a glob, such as "call.*"
        /etc/switchhook.toml:15:34: auth.tokens[1].types[2]: "nonsense" matches no event type
          mend: write an event type or a glob, such as "call.*"
        /etc/switchhook.toml:19:10: auth.tokens[2].sha256: this is the same token as "crm"
          mend: make another one: `switchhook token new`
        /etc/switchhook.toml:23:8: auth.tokens[3].name: a token named "crm" is already there
          mend: give each token a name of its own
        /etc/switchhook.toml:27:1: auth.tokens[4]: the key `name` is missing
          mend: write name = "…": it appears in logs
        /etc/switchhook.toml:28:10: auth.tokens[4].sha256: a SHA-256 has 64 hex digits
          mend: `switchhook token new` prints the line; of a token you have, `printf %s TOKEN | sha256sum`
        /etc/switchhook.toml:29:10: auth.tokens[4].scopes: a token without scopes may do nothing
          mend: write scopes = ["events:read", "state:read"]
        /etc/switchhook.toml:31:1: auth.jwt: the key `audience` is missing
          mend: write the `aud` of the tokens meant for us
        /etc/switchhook.toml:33:12: auth.jwt.jwks_url: keys come by https, or by http on loopback
          mend: write the https URL of the provider's keys (its `jwks_uri`)
        13 mistakes
    "#]].assert_eq(&told(&format!(
        r#"
[auth]
mode = "token"

[[auth.tokens]]
name = "crm"
sha256 = "{a}"
scopes = ["events:read"]

[[auth.tokens]]
name = "crm"
sha256 = "{b}"
scopes = ["event:read", "everything"]
sources = ["hq", "hp"]
types = ["call.*", "call.begun", "nonsense"]

[[auth.tokens]]
name = "twin"
sha256 = "{a}"
scopes = ["admin"]

[[auth.tokens]]
name = "crm"
sha256 = "{c}"
scopes = ["admin"]

[[auth.tokens]]
sha256 = "swh_this-is-the-token-itself"
scopes = []

[auth.jwt]
issuer = "https://id.example.com"
jwks_url = "http://id.example.com/jwks"
{HQ}"#,
        a = "a".repeat(64),
        b = "b".repeat(64),
        c = "c".repeat(64),
    )));
}

#[test]
fn sources_are_checked() {
    expect![[r#"
        /etc/switchhook.toml:2:10: sources.Main_Office: `Main_Office` is not a source id: it is 1 to 32 characters of a-z, 0-9 and -
          mend: rename the source, for example [sources.hq]
        /etc/switchhook.toml:10:11: sources.tokyo.adapter: "asterisk" is not allowed here
          mend: allowed are "portsip", "basix", "telecomx"
        /etc/switchhook.toml:15:11: sources.typo.adapter: "portsipp" is not allowed here
          mend: did you mean "portsip"? allowed are "portsip", "basix", "telecomx"
        /etc/switchhook.toml:17:1: sources.none: the key `adapter` is missing
          mend: write adapter = "…" with one of portsip, basix, telecomx
        /etc/switchhook.toml:22:7: sources.plain.url: credentials would travel unencrypted: the host is not on this machine
          mend: use wss, or accept it with allow_plaintext = true
        /etc/switchhook.toml:27:1: sources.web: the key `password` is missing
          mend: write password = { env = "NAME" }, { file = "path" } or "literal"
        /etc/switchhook.toml:27:1: sources.web.extensions: extension_events needs a list of them
          mend: write extensions = ["101", …]: the numbers for extension_events
        /etc/switchhook.toml:27:1: sources.web.queues: queue_events needs a list of them
          mend: write queues = ["8001", …]: the numbers for queue_events
        /etc/switchhook.toml:27:1: sources.web.tenants: global_cdr_events needs a list of them
          mend: write tenants = ["883611252155219968", …]: the ids for global_* topics
        /etc/switchhook.toml:29:7: sources.web.url: this is not a URL of the form scheme://host[:port][/path] (credentials do not belong in it)
          mend: write it whole: scheme, host, and port and path where they are needed
        /etc/switchhook.toml:30:11: sources.web.dialect: "22" is not allowed here
          mend: did you mean "v22"? allowed are "auto", "v12", "v16", "v16.2", "v22", "v22.3"
        /etc/switchhook.toml:32:20: sources.web.extension_number: either this or `username`, not both
          mend: write either username or extension_number
        /etc/switchhook.toml:33:10: sources.web.region: "Britain" is not a region
          mend: write a region, such as "GB" (ISO 3166, two capitals)
        /etc/switchhook.toml:34:31: sources.web.topics[1]: "queue_event" is not allowed here
          mend: did you mean "queue_events"? allowed are "extension_events", "cdr_events", "queue_events", "queue_management_events", "extension_management_events", "trunk_events", "global_extension_events", "global_extension_management_events", "global_cdr_events", "global_queue_events", "global_queue_management_events"
        /etc/switchhook.toml:36:1: sources.scheme.username: say who logs in: `username` or `extension_number`
          mend: write username = "…" (with domain, except for a system administrator) or extension_number = "…"
        /etc/switchhook.toml:38:7: sources.scheme.url: portsip speaks wss or ws, not https
          mend: write it like "wss://pbx.example.com:8887/wsi"
        16 mistakes
    "#]].assert_eq(&told(
        r#"
[sources.Main_Office]
adapter = "portsip"
url = "wss://pbx.example.com"
username = "a"
password = "b"
topics = ["cdr_events"]

[sources.tokyo]
adapter = "asterisk"
url = "wss://bcs.brastel.com/basix/api/ws_cti"
token = { env = "BASIX_TOKEN" }

[sources.typo]
adapter = "portsipp"

[sources.none]
url = "wss://pbx.example.com"

[sources.plain]
adapter = "portsip"
url = "ws://pbx.example.com:8885"
username = "a"
password = "b"
topics = ["cdr_events"]

[sources.web]
adapter = "portsip"
url = "https://user:hunter2@pbx.example.com"
dialect = "22"
username = "a"
extension_number = "101"
region = "Britain"
topics = ["extension_events", "queue_event", "global_cdr_events", "queue_events"]

[sources.scheme]
adapter = "portsip"
url = "https://pbx.example.com"
password = "b"
topics = ["cdr_events"]
"#,
    ));
}

#[test]
fn secrets_that_are_not_there_are_told() {
    let told = told_in(
        &format!(
            "[webhooks]\nkey = {{ env = \"NOWHERE\" }}\n{}{}{}{}",
            HQ.replace("\"hunter2\"", "{ file = \"secrets/pw\" }"),
            HQ.replace("\"hunter2\"", "{ env = \"EMPTY\" }")
                .replace("sources.hq", "sources.b"),
            HQ.replace("\"hunter2\"", "{ env = \"PW\", file = \"pw\" }")
                .replace("sources.hq", "sources.c"),
            HQ.replace("\"hunter2\"", "{ environment = \"PW\" }")
                .replace("sources.hq", "sources.d"),
        ),
        &[("EMPTY", ""), ("PW", "hunter2")],
        &[("/etc/pw", "hunter2")],
    );
    assert!(!told.contains("hunter2"), "{told}");
    expect![[r#"
        /etc/switchhook.toml:2:7: webhooks.key: the environment has no variable NOWHERE
          mend: set NOWHERE before starting switchhook
        /etc/switchhook.toml:9:12: sources.hq.password: cannot read /etc/secrets/pw: entity not found
          mend: create the file, or let this user read it
        /etc/switchhook.toml:17:12: sources.b.password: the secret is empty
          mend: write "literal", { env = "NAME" } or { file = "path" }
        /etc/switchhook.toml:25:12: sources.c.password: a secret has exactly one of `env` and `file`
          mend: write "literal", { env = "NAME" } or { file = "path" }
        /etc/switchhook.toml:33:12: sources.d.password: a secret has exactly one of `env` and `file`
          mend: write "literal", { env = "NAME" } or { file = "path" }
        /etc/switchhook.toml:33:14: sources.d.password.environment: unknown key
          mend: remove it; the keys here are env, file
        6 mistakes
    "#]].assert_eq(&told);
}

#[test]
fn no_mistake_shows_a_secret() {
    for text in [
        HQ.replace("password = \"hunter2\"", "password = [\"hunter2\"]"),
        HQ.replace("password = \"hunter2\"", "pasword = \"hunter2\""),
        HQ.replace("password = \"hunter2\"", "password = { hunter2 = 1 }")
            .replace("{ hunter2", "{ env = \"X\", x"),
        HQ.replace("wss://", "wss://supervisor:hunter2@"),
        "[[auth.tokens]]\nname = \"a\"\nsha256 = \"hunter2\"\nscopes = [\"admin\"]\n".to_owned(),
    ] {
        let mistakes = read(&text, &[], &[]).unwrap_err();
        assert!(
            !format!("{mistakes} {mistakes:?}").contains("hunter2"),
            "{mistakes}"
        );
    }
}

#[test]
fn tenants_belong_to_sources_that_are_there() {
    expect![[r#"
        /etc/switchhook.toml:2:24: tenants.acme.qh: there is no source "qh"
          mend: did you mean `hq`?
        /etc/switchhook.toml:2:34: tenants.acme.oslo: there is no source "oslo"
          mend: add [sources.oslo], or remove it
        /etc/switchhook.toml:3:17: tenants.globex.hq: tenant "acme" has this id already
          mend: a native id belongs to one tenant
        3 mistakes
    "#]].assert_eq(&told(&format!(
        "[tenants]\nacme = {{ hq = [\"883\"], qh = \"1\", oslo = \"2\" }}\nglobex = {{ hq = \"883\" }}\n{HQ}"
    )));
}

#[test]
fn certificates_are_looked_at() {
    expect![[r#"
        /etc/switchhook.toml:2:7: server.tls: the key `key` is missing
          mend: write tls = { cert = "server.pem", key = "server.key" }
        /etc/switchhook.toml:2:16: server.tls.cert: /etc/server.pem holds no CERTIFICATE
          mend: give the path of a PEM file with a CERTIFICATE
        /etc/switchhook.toml:11:11: sources.hq.ca_file: /etc/server.pem holds no CERTIFICATE
          mend: give the path of a PEM file with a CERTIFICATE
        3 mistakes
    "#]]
    .assert_eq(&told_in(
        &format!("[server]\ntls = {{ cert = \"server.pem\" }}\n{HQ}ca_file = \"server.pem\"\n"),
        &[],
        &[("/etc/server.pem", "-----BEGIN PRIVATE KEY-----\n")],
    ));
    expect![[r#"
        /etc/switchhook.toml:9:11: sources.hq.ca_file: cannot read /ca.pem: entity not found
          mend: give the path of a PEM file with a CERTIFICATE
        1 mistake
    "#]]
    .assert_eq(&told(&format!("{HQ}ca_file = \"/ca.pem\"\n")));
}
