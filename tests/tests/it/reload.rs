//! Another config while the gateway runs.

use std::fs;

use tests::{Gateway, Pbx, Setup, wait};

use crate::support::synced;

#[tokio::test]
async fn a_file_with_mistakes_changes_nothing_and_the_log_says_why() {
    let pbx = Pbx::start().await;
    let setup = Setup::with(&pbx).token("reader", &["events:read", "state:read"], "");
    let mut gateway = Gateway::start(&setup).await;
    let client = gateway.client().bearer("reader");
    synced(&client, "hq").await;
    let mut stream = client.stream("").await;
    for (text, why) in [
        ("[server]\nlisten = \"nowhere\"\n", "listen"),
        ("[auth]\nmode = \"tokens\"\ncolour = 1\n", "colour"),
        ("not toml at all", "switchhook.toml"),
        ("", "nothing"),
    ] {
        if text.is_empty() {
            fs::remove_file(gateway.path("switchhook.toml")).unwrap();
        } else {
            gateway.write_config(text);
        }
        let said = gateway
            .process()
            .stderr()
            .matches("the config stays as it was")
            .count();
        let process = gateway.process();
        wait::until("the mistake is told", || {
            let log = process.stderr();
            let told = log.matches("the config stays as it was").count() > said;
            async move { told.then_some(()) }
        })
        .await;
        let log = gateway.process().stderr();
        assert!(text.is_empty() || log.contains(why), "{why}: {log}");
        assert_eq!(client.get("/v1/calls").await.status, 200, "{why}");
    }
    assert_eq!(pbx.accepted(), 1, "the PBX noticed nothing");
    stream.bookmark().await;
    gateway.reconfigure(&setup.token("second", &["events:read"], ""));
    let second = gateway.client().bearer("second");
    wait::until("the next good file is taken over", || async {
        (second.get("/v1/events").await.status == 200).then_some(())
    })
    .await;
    stream.bookmark().await;
}

#[tokio::test]
async fn a_hangup_reads_the_file_again_and_drops_no_stream() {
    let pbx = Pbx::start().await;
    let setup = Setup::with(&pbx).token("reader", &["events:read"], "");
    let mut gateway = Gateway::start(&setup).await;
    let reader = gateway.client().bearer("reader");
    let mut stream = reader.stream("").await;
    gateway.reconfigure(&setup.token("second", &["events:read"], ""));
    gateway.process().signal("HUP");
    let second = gateway.client().bearer("second");
    wait::until("the new token is known", || async {
        (second.get("/v1/events").await.status == 200).then_some(())
    })
    .await;
    stream.bookmark().await;
    assert!(gateway.process().runs());
}

#[tokio::test]
async fn authentication_can_be_switched_on() {
    let setup = Setup::new();
    let gateway = Gateway::start(&setup).await;
    let mut open = gateway.client().stream("").await;
    gateway.reconfigure(&setup.token("reader", &["events:read"], ""));
    assert_eq!(
        wait::within("the end of the open house", open.ending())
            .await
            .1,
        4401
    );
    let _ = gateway.client().get("/v1/events").await.problem(401);
    assert_eq!(
        gateway
            .client()
            .bearer("reader")
            .get("/v1/events")
            .await
            .status,
        200
    );
}

/// Every change is taken over by a gateway that goes on: the stream opened before is there after it.
#[tokio::test]
async fn who_is_let_in_from_where_changes_without_a_restart() {
    let setup = Setup::new().token("reader", &["events:read"], "");
    let mut gateway = Gateway::start(&setup).await;
    let reader = gateway.client().bearer("reader");
    let mut stream = reader.stream("").await;
    let wall = reader.header("origin", "https://wallboard.example.com");
    let public = reader.header("origin", "https://events.example.com");
    let proxied = reader
        .header("x-forwarded-for", "198.51.100.3")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "proxied.example.com")
        .header("origin", "https://proxied.example.com");
    let pages = [&wall, &public, &proxied];
    for (line, allowed) in [
        ("", None),
        (
            "allowed_origins = [\"https://wallboard.example.com\"]",
            Some(0),
        ),
        ("public_url = \"https://events.example.com\"", Some(1)),
        ("trusted_proxies = [\"127.0.0.0/8\"]", Some(2)),
        ("", None),
    ] {
        gateway.reconfigure(&setup.clone().server(line));
        let expected: Vec<u16> = (0..pages.len())
            .map(|page| if Some(page) == allowed { 200 } else { 403 })
            .collect();
        wait::until(format!("`{line}` is taken over"), || async {
            let mut found = Vec::new();
            for page in pages {
                found.push(page.get("/v1/events").await.status);
            }
            (found == expected).then_some(())
        })
        .await;
        stream.bookmark().await;
    }
    let log = gateway.process().stderr();
    assert!(!log.contains("waits for the next start"), "{log}");
}

#[tokio::test]
async fn limits_change_without_a_restart_and_close_nothing() {
    let setup =
        Setup::new()
            .token("reader", &["events:read"], "")
            .token("other", &["events:read"], "");
    let limits = |lines: &str| setup.clone().table(&format!("[limits]\n{lines}"));
    let mut gateway = Gateway::start(&limits("streams_per_token = 2\nstreams = 3")).await;
    let reader = gateway.client().bearer("reader");
    let other = gateway.client().bearer("other");
    let mut streams = vec![reader.stream("").await, reader.stream("").await];
    let _ = reader.refused("").await.problem(429);
    streams.push(other.stream("").await);
    let _ = other.refused("").await.problem(503);

    gateway.reconfigure(&limits("streams_per_token = 3\nstreams = 5"));
    wait::until("there is room for one more of the token", || async {
        let answer = reader.sse("").await;
        (answer.status() == 200).then_some(())
    })
    .await;
    streams.push(other.stream("").await);
    // Fewer than there are: nothing is closed, and nothing more is opened.
    gateway.reconfigure(&limits(
        "streams_per_token = 1\nbody = \"1KiB\"\nrequests_per_s = 1",
    ));
    wait::until("a large body is refused", || async {
        let large = serde_json::json!({"op": "x".repeat(2_000)});
        let answer = other.send("POST", "/v1/tickets", Some(&large)).await;
        (answer.status == 413).then_some(())
    })
    .await;
    wait::until("requests are refused", || async {
        (reader.get("/v1/events").await.status == 429).then_some(())
    })
    .await;
    gateway.reconfigure(&limits("streams_per_token = 9"));
    wait::until("requests are answered", || async {
        (reader.get("/v1/events").await.status == 200).then_some(())
    })
    .await;
    for stream in &mut streams {
        stream.bookmark().await;
    }
    streams.push(reader.stream("").await);
    let log = gateway.process().stderr();
    assert!(!log.contains("waits for the next start"), "{log}");
}
