//! Ways in: versions, credentials, subscriptions, TLS.

use std::{sync::Arc, time::Duration};

use adapter::{Direction, Link as _, LinkErrorKind};
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use telecomx::{
    Config,
    config::Secret,
    link::{Memory, packet::Engine},
    sim::{Level, Lever, Listen, Profile, Refusal, Sim},
};
use testkit::Peer;

use crate::support::*;

#[tokio::test]
async fn both_versions_are_found_out_and_spoken() {
    for engine in BOTH {
        let sim = start(Profile::of(engine)).await;
        let mut link = open(&config(&sim)).await.unwrap();
        assert_eq!(link.dialect().as_deref(), Some(engine.as_str()));
        assert_eq!(
            read_named(&mut link, "#session").await,
            json!({"level": "VIEWER"})
        );
        for _ in Config::CHANNELS {
            assert_eq!(read_named(&mut link, "#subscribed").await["ok"], true);
        }
        sim.tell(told(1)).await;
        assert_eq!(
            read_named(&mut link, "PBX").await,
            json!({"event": "N", "n": 1})
        );
        link.close().await;
        let counts = sim.until(|counts| counts.open == 0).await;
        assert_eq!(
            (counts.probes, counts.authenticated, counts.logouts),
            (1, 1, 0)
        );
    }
}

#[tokio::test]
async fn a_configured_version_is_believed_and_a_wrong_one_said_so() {
    for engine in BOTH {
        let sim = start(Profile::of(engine)).await;
        for configured in BOTH {
            let config = Config {
                engine_io: Some(configured),
                ..config(&sim)
            };
            let opened = open(&config).await;
            if configured == engine {
                assert_eq!(opened.unwrap().dialect().as_deref(), Some(engine.as_str()));
                continue;
            }
            let error = opened.err().unwrap();
            let text = error.chain();
            let hint = text.contains("engine_io") || text.contains("400");
            assert!(hint, "{engine:?} {configured:?}: {text}");
        }
        assert_eq!(sim.counts().probes, 0);
    }
}

#[tokio::test]
async fn the_version_is_asked_for_once() {
    let sim = start(Profile::of(Engine::V3)).await;
    let memory = Memory::default();
    for _ in 0..2 {
        open_with(&config(&sim), limits(), &memory, Arc::new(()))
            .await
            .unwrap();
    }
    assert_eq!(sim.counts().probes, 1);
}

/// A server without the polling transport shows its version on the WebSocket.
#[tokio::test]
async fn without_polling_the_socket_tells_the_version() {
    for engine in BOTH {
        let peer = Peer::listen().await;
        let source = json!({
            "url": format!("http://{}", peer.address()), "token": "t", "channels": ["ADMIN"],
        });
        let config: Config = serde_json::from_value(source).unwrap();
        let no_polling = r#"{"code":0,"message":"Transport unknown"}"#;
        let length = no_polling.len();
        let (opened, _session) = tokio::join!(open(&config), async {
            peer.answer_http(
                "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            )
            .await;
            peer.answer_http(&format!(
                "HTTP/1.1 400 Bad Request\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{no_polling}"
            ))
            .await;
            let mut session = peer.accept().await;
            session
                .send(r#"0{"sid":"x","pingInterval":25000,"pingTimeout":5000}"#)
                .await;
            if engine == Engine::V3 {
                session.send("40").await;
            } else {
                assert_eq!(session.text().await, "40");
                session.send(r#"40{"sid":"y"}"#).await;
            }
            let said = session.text().await;
            assert!(said.starts_with(r#"42["authenticate",{"#), "{said}");
            session.send(r#"42["authenticated"]"#).await;
            assert!(
                session
                    .text()
                    .await
                    .ends_with(r#"["subscribe",{"type":"ADMIN"}]"#)
            );
            session
        });
        assert_eq!(opened.unwrap().dialect().as_deref(), Some(engine.as_str()));
    }
}

#[tokio::test]
async fn a_user_logs_in_and_is_known_by_a_token() {
    let sim = start(Profile::default()).await;
    let mut link = open(&as_user(&sim, Level::Manager)).await.unwrap();
    assert_eq!(read_named(&mut link, "#session").await["level"], "MANAGER");
    assert_eq!(sim.counts().logins, 1);
    drop(link);
    open(&as_user(&sim, Level::Manager)).await.unwrap();
    assert_eq!(sim.counts().logins, 2, "before every connection");
}

#[tokio::test]
async fn a_login_is_renewed_before_it_ends() {
    let sim = start(Profile {
        login_minutes: 0.03,
        ..Profile::default()
    })
    .await;
    let _link = open(&as_user(&sim, Level::Viewer)).await.unwrap();
    sim.until(|counts| counts.logins >= 3).await;
    let counts = sim.counts();
    assert_eq!(
        (counts.authenticated, counts.refused, counts.logouts),
        (1, 0, 0),
        "the socket keeps its token"
    );
}

#[tokio::test]
async fn wrong_credentials_are_a_refusal_and_no_secret() {
    let sim = start(Profile::default()).await;
    let with_token = Config {
        token: Some(Secret::new("hunter2")),
        ..config(&sim)
    };
    let as_user = Config {
        password: Some(Secret::new("hunter2")),
        ..as_user(&sim, Level::Viewer)
    };
    for config in [with_token, as_user] {
        let error = open(&config).await.err().unwrap();
        let text = error.chain();
        assert_eq!(error.kind, LinkErrorKind::AuthRejected, "{text}");
        assert!(text.contains("invalid"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert_eq!(sim.counts().refused, 2, "tried once each");
}

/// The token was good a moment ago, but the socket is refused. None of the ways is documented.
#[tokio::test]
async fn every_way_to_be_refused_on_the_socket_is_a_refusal() {
    for engine in BOTH {
        for refusal in [
            Refusal::Unauthorized,
            Refusal::Disconnect,
            Refusal::Cut,
            Refusal::Silence,
        ] {
            let sim = start(Profile::of(engine)).await;
            // A token that only REST takes.
            let config = as_user(&sim, Level::Viewer);
            sim.refuse_with(refusal);
            let refuse = async {
                sim.until(|counts| counts.logins == 1).await;
                sim.pull(Lever::RefuseLogins);
                sim.until(|counts| counts.refused == 1).await;
                if refusal == Refusal::Silence {
                    pass(Duration::from_secs(11)).await;
                }
            };
            let (opened, ()) = tokio::join!(open(&config), refuse);
            let error = opened.err().unwrap();
            assert_eq!(
                error.kind,
                LinkErrorKind::AuthRejected,
                "{refusal:?}: {}",
                error.chain()
            );
        }
    }
}

#[tokio::test]
async fn no_secret_reaches_the_tap() {
    let sim = start(Profile::default()).await;
    for config in [config(&sim), as_user(&sim, Level::Viewer)] {
        let tap = Arc::new(Record::default());
        let memory = Memory::default();
        let tapped = open_with(&config, limits(), &memory, Arc::clone(&tap) as _);
        let mut link = tapped.await.unwrap();
        sim.send(r#"42["REQUEST",{"request":"CommunicatorImpersonate","data":{"token":"viewer-token"}}]"#).await;
        assert_eq!(
            read_named(&mut link, "REQUEST").await["data"]["token"],
            "***"
        );
        send(
            &mut link,
            &json!({"emit": ["request", {"data": {"token": "viewer-token"}}], "ack": "a"}),
        )
        .await;
        read_named(&mut link, "#ack").await;
        send(&mut link, &json!({"get": "/pbx/app/queues"})).await;
        assert_eq!(read_named(&mut link, "#rest").await["body"]["token"], "***");
        let seen = tap.0.lock().unwrap().clone();
        let (directions, texts): (Vec<_>, Vec<_>) = seen.into_iter().unzip();
        assert!(
            texts
                .iter()
                .all(|text| !text.contains("viewer-token") && !text.contains("login-")),
            "{texts:?}"
        );
        assert_eq!(directions[0], Direction::Sent);
        let who = r#"["authenticate",{"client":"Switchhook","instanceId":"switchhook-cph","token":"***"}]"#;
        assert_eq!(texts[0], who);
        for part in [
            "#session",
            "\"subscribed\"",
            "#subscribed",
            "#ack",
            "{\"get\":\"/pbx/app/queues\"}",
        ] {
            assert!(
                texts.iter().any(|text| text.contains(part)),
                "{part}: {texts:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_refused_channel_is_told_of_and_the_others_go_on() {
    let sim = start(Profile::default()).await;
    let config = Config {
        token: Some(Secret::new("personal-token")),
        channels: vec!["PBX".to_owned(), "CALL".to_owned()],
        ..config(&sim)
    };
    let mut link = open(&config).await.unwrap();
    let heard = read_until(&mut link, |frame| frame[1]["channel"] == "CALL").await;
    assert!(
        heard.contains(&json!(["#subscribed", {"channel": "PBX", "ok": true}])),
        "{heard:?}"
    );
    let refused = json!({"channel": "CALL", "ok": false, "error": "access_denied", "final": false});
    assert_eq!(heard.last().unwrap()[1], refused);
    pass(Duration::from_secs(31)).await;
    let again = read_named(&mut link, "#subscribed").await;
    assert_eq!(
        (&again["channel"], &again["final"]),
        (&json!("CALL"), &json!(true))
    );
    sim.tell(told(1)).await;
    read_named(&mut link, "PBX").await;
}

#[tokio::test]
async fn a_channel_that_nobody_confirms_is_told_of() {
    let sim = start(Profile {
        tell_refusals: false,
        ..Profile::default()
    })
    .await;
    let config = Config {
        token: Some(Secret::new("personal-token")),
        channels: vec!["REGISTER".to_owned()],
        ..config(&sim)
    };
    let mut link = open(&config).await.unwrap();
    sim.until(|counts| counts.events == 2).await;
    pass(Duration::from_secs(11)).await;
    let refused = read_named(&mut link, "#subscribed").await;
    assert_eq!(refused["error"], "not confirmed within 10 s");
}

#[tokio::test]
async fn every_connection_subscribes_anew() {
    let sim = start(Profile::default()).await;
    for n in 1..=3 {
        let _link = open(&config(&sim)).await.unwrap();
        sim.until(|counts| counts.subscriptions == 4 * n).await;
    }
}

#[tokio::test]
async fn filters_reach_the_service() {
    let sim = start(Profile::default()).await;
    let config = Config {
        channels: vec!["PBX".to_owned()],
        events: vec!["CALL_END".to_owned()],
        ..config(&sim)
    };
    let mut link = open(&config).await.unwrap();
    sim.until(|counts| counts.subscriptions == 1).await;
    sim.tell(told(1)).await;
    let mut wanted = told(2);
    wanted.event = "CALL_END".to_owned();
    sim.tell(wanted).await;
    assert_eq!(read_named(&mut link, "PBX").await["n"], 2);
}

#[tokio::test]
async fn tls_is_checked_for_login_and_socket_alike() {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .unwrap();
    let listen = Listen {
        address: None,
        tls: Some(Arc::new(tls)),
    };
    let sim = Sim::listen(Profile::default().quiet(), Still::default(), listen)
        .await
        .unwrap();
    let mut config = config(&sim);
    config.url = config.url.replace("127.0.0.1", "localhost");

    let error = open(&config).await.err().unwrap();
    assert_eq!(error.kind, LinkErrorKind::Unreachable);
    assert!(error.chain().contains("certificate"), "{}", error.chain());

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, issued.cert.pem()).unwrap();
    config.ca_file = Some(file.clone());
    let mut link = open(&config).await.unwrap();
    send(&mut link, &json!({"get": "/pbx/app/queues"})).await;
    assert_eq!(read_named(&mut link, "#rest").await["status"], 200);

    config.ca_file = None;
    config.insecure_tls = true;
    open(&config).await.unwrap();
}
