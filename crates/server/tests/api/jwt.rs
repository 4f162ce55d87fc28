//! Tokens of an identity provider, as its users, its operators and an attacker would try them.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, jwk::Jwk};
use model::EventType;
use rustls::{ServerConfig, crypto::ring::default_provider, pki_types::PrivateKeyDer};
use serde_json::{Value, json};
use server::{auth::Policy, config::Jwt};
use tokio_rustls::TlsAcceptor;

use super::{
    backend::{about, call},
    issuer::{Issuer, NOW, Signer, claims},
    world::{Setup, TestClock, World, tokens},
};

struct Trust {
    world: World,
    issuer: Issuer,
    rsa: Signer,
    ec: Signer,
    ed: Signer,
}

impl Trust {
    async fn new() -> Self {
        Self::with(TestClock::new(false), Setup::default()).await
    }

    async fn with(clock: TestClock, setup: Setup) -> Self {
        let (rsa, ec, ed) = (Signer::rsa("rsa-1"), Signer::ec("ec-1"), Signer::ed("ed-1"));
        let issuer = Issuer::start(&[&rsa, &ec, &ed]).await;
        let policy = Policy::Tokens {
            tokens: tokens(),
            jwt: Some(Box::new(issuer.settings())),
        };
        let world = World::start_with(Setup { policy, ..setup }, clock).await;
        Self {
            world,
            issuer,
            rsa,
            ec,
            ed,
        }
    }

    async fn status(&self, token: &str) -> u16 {
        self.world.bearer(token).get("/v1/events").await.status
    }

    /// Refused with a problem that repeats nothing of the token.
    async fn refuses(&self, token: &str, why: &str) {
        let reply = self.world.bearer(token).get("/v1/events").await;
        assert_eq!(reply.problem(), (401, "unauthenticated".into()), "{why}");
        let body = String::from_utf8(reply.body).unwrap();
        let signature = token.rsplit('.').next().unwrap();
        assert!(signature.is_empty() || !body.contains(signature), "{body}");
    }
}

fn encode(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

#[tokio::test]
async fn tokens_of_every_algorithm_are_let_in_beside_static_ones() {
    let trust = Trust::new().await;
    for signer in [&trust.rsa, &trust.ec, &trust.ed] {
        let token = signer.sign(&claims(&json!({})));
        assert_eq!(trust.status(&token).await, 200, "{:?}", signer.algorithm);
    }
    assert_eq!(trust.status("reader").await, 200);
    assert_eq!(trust.issuer.asked(), 1, "the keys are kept");
}

#[tokio::test]
async fn an_unsigned_token_is_nobodys() {
    let trust = Trust::new().await;
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        for kid in [None, Some("rsa-1")] {
            let header = encode(&json!({"alg": alg, "kid": kid}));
            let token = format!("{header}.{}.", encode(&claims(&json!({}))));
            trust.refuses(&token, alg).await;
            trust.refuses(token.trim_end_matches('.'), alg).await;
        }
    }
    let signed = trust.rsa.sign(&claims(&json!({})));
    let stripped = signed.rsplit_once('.').unwrap().0;
    trust.refuses(&format!("{stripped}."), "stripped").await;
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let trust = Trust::new().await;
    let n = trust.rsa.public["n"].as_str().unwrap();
    let secrets = [
        trust.rsa.public.to_string().into_bytes(),
        n.as_bytes().to_vec(),
        URL_SAFE_NO_PAD.decode(n).unwrap(),
        URL_SAFE_NO_PAD
            .decode(trust.ed.public["x"].as_str().unwrap())
            .unwrap(),
        b"secret".to_vec(),
    ];
    for secret in secrets {
        let key = EncodingKey::from_secret(&secret).unwrap();
        for kid in ["rsa-1", "ed-1"] {
            let mut header = Header::new(Algorithm::HS256);
            header.kid = Some(kid.into());
            let token = jsonwebtoken::encode(&header, &claims(&json!({})), &key).unwrap();
            trust.refuses(&token, "HS256").await;
        }
    }
}

#[tokio::test]
async fn a_key_is_good_for_its_own_algorithm_and_id_only() {
    let trust = Trust::new().await;
    let good = claims(&json!({}));
    for (signer, kid) in [
        (&trust.ec, "rsa-1"),
        (&trust.ec, "ed-1"),
        (&trust.rsa, "ec-1"),
        (&trust.ed, "ec-1"),
        (&trust.rsa, "../../../dev/null"),
        (&trust.rsa, "rsa-1' OR '1'='1"),
        (&trust.rsa, "http://evil.example.com/key"),
        (&trust.rsa, ""),
    ] {
        let mut header = Header::new(signer.algorithm);
        header.kid = Some(kid.into());
        let token = signer.sign_as(&header, &good);
        trust.refuses(&token, kid).await;
    }
    // The header says one algorithm, the signature is of another.
    let token = trust.ec.sign(&good);
    let (message, signature) = token.rsplit_once('.').unwrap();
    let payload = message.split_once('.').unwrap().1;
    for (alg, kid) in [
        ("RS256", "rsa-1"),
        ("EdDSA", "ed-1"),
        ("RS256", "ec-1"),
        ("PS256", "rsa-1"),
    ] {
        let header = encode(&json!({"alg": alg, "kid": kid}));
        trust
            .refuses(&format!("{header}.{payload}.{signature}"), alg)
            .await;
    }
}

#[tokio::test]
async fn a_key_that_the_token_brings_itself_is_not_used() {
    let trust = Trust::new().await;
    let mine = Signer::ec("ec-1");
    let elsewhere = Issuer::start(&[&mine]).await;
    let jwk: Jwk = serde_json::from_value(mine.public.clone()).unwrap();
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("ec-1".into());
    header.jwk = Some(jwk);
    header.jku = Some(elsewhere.settings().jwks_url.as_str().to_owned());
    header.x5u = header.jku.clone();
    trust
        .refuses(&mine.sign_as(&header, &claims(&json!({}))), "its own key")
        .await;
    assert_eq!(
        elsewhere.asked(),
        0,
        "nobody is asked because a token says so"
    );
}

#[tokio::test]
async fn what_was_changed_after_signing_is_refused() {
    let trust = Trust::new().await;
    for signer in [&trust.rsa, &trust.ec, &trust.ed] {
        let token = signer.sign(&claims(&json!({})));
        assert_eq!(trust.status(&token).await, 200);
        let parts: Vec<_> = token.split('.').collect();
        let more = encode(&claims(&json!({"scope": "admin"})));
        trust
            .refuses(&format!("{}.{more}.{}", parts[0], parts[2]), "payload")
            .await;
        let other = signer.sign(&claims(&json!({"sub": "other"})));
        let swapped = other.rsplit('.').next().unwrap();
        trust
            .refuses(&format!("{}.{}.{swapped}", parts[0], parts[1]), "signature")
            .await;
        trust.refuses(&format!("{token}A"), "longer").await;
        trust.refuses(&token[..token.len() - 2], "shorter").await;
    }
    let token = trust.ec.sign(&claims(&json!({})));
    let (message, _) = token.rsplit_once('.').unwrap();
    // Zeros were once a valid signature to some (CVE-2022-21449); DER is the form of certificates, not of tokens.
    for signature in [vec![0; 64], vec![0x30, 6, 2, 1, 1, 2, 1, 1], Vec::new()] {
        let forged = URL_SAFE_NO_PAD.encode(signature);
        trust
            .refuses(&format!("{message}.{forged}"), "forged")
            .await;
    }
}

#[tokio::test]
async fn a_token_for_another_service_or_time_is_refused() {
    let trust = Trust::with(TestClock::new(true), Setup::default()).await;
    for (changes, status) in [
        (json!({"aud": ["other", "switchhook"]}), 200),
        (json!({"aud": "other"}), 401),
        (json!({"aud": null}), 401),
        (json!({"iss": "https://evil.example.com"}), 401),
        (json!({"iss": null}), 401),
        (json!({"exp": null}), 401),
        (json!({"exp": NOW - 59}), 200),
        (json!({"exp": NOW - 60}), 401),
        (json!({"nbf": NOW + 60}), 200),
        (json!({"nbf": NOW + 61}), 401),
    ] {
        let token = trust.ed.sign(&claims(&changes));
        assert_eq!(trust.status(&token).await, status, "{changes}");
    }
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some("ed-1".into());
    header.crit = Some(vec!["exp".into()]);
    let token = trust.ed.sign_as(&header, &claims(&json!({})));
    trust.refuses(&token, "crit").await;
    header.crit = None;
    header.typ = Some("logout+jwt".into());
    let token = trust.ed.sign_as(&header, &claims(&json!({})));
    trust.refuses(&token, "typ").await;
}

#[tokio::test]
async fn our_verdict_is_that_of_another_library() {
    let trust = Trust::new().await;
    let mine = Signer::ec("ec-1");
    let signers = [&trust.rsa, &trust.ec, &trust.ed, &mine];
    let mut agreed = [0, 0];
    for signer in signers {
        for changes in [
            json!({}),
            json!({"aud": "other"}),
            json!({"iss": "https://evil.example.com"}),
            json!({"aud": ["switchhook"]}),
        ] {
            let token = signer.sign(&claims(&changes));
            let key = match signer.kid() {
                "rsa-1" => &trust.rsa,
                "ec-1" => &trust.ec,
                _ => &trust.ed,
            };
            let jwk: Jwk = serde_json::from_value(key.public.clone()).unwrap();
            let mut validation = Validation::new(signer.algorithm);
            validation.set_audience(&["switchhook"]);
            validation.set_issuer(&["https://id.example.com"]);
            validation.set_required_spec_claims(&["exp", "iss", "aud"]);
            // Its clock is not that of the test.
            validation.validate_exp = false;
            let oracle = DecodingKey::from_jwk(&jwk).unwrap();
            let theirs = jsonwebtoken::decode::<Value>(&token, &oracle, &validation).is_ok();
            let ours = trust.status(&token).await == 200;
            assert_eq!(ours, theirs, "{:?} {changes}", signer.algorithm);
            agreed[usize::from(ours)] += 1;
        }
    }
    assert_eq!(agreed, [10, 6]);
}

#[tokio::test]
async fn claims_give_rights_and_limits() {
    let trust = Trust::new().await;
    let world = &trust.world;
    for (n, tenant) in [("1", "acme"), ("2", "other")] {
        let call = call(n, Some(tenant));
        world.hub.publish(about(EventType::CallStarted, &call));
    }
    let events = async |changes: Value| {
        let token = trust.ec.sign(&claims(&changes));
        let reply = world.bearer(&token).get("/v1/events").await;
        (reply.status == 200).then(|| reply.json().as_array().unwrap().len())
    };
    assert_eq!(events(json!({})).await, Some(2));
    assert_eq!(events(json!({"scope": null})).await, None);
    assert_eq!(events(json!({"scope": "state:read"})).await, None);
    assert_eq!(events(json!({"scope": "openid admin"})).await, Some(2));
    assert_eq!(
        events(json!({"switchhook_tenants": ["acme"]})).await,
        Some(1)
    );
    assert_eq!(events(json!({"switchhook_tenants": []})).await, Some(0));
    assert_eq!(
        events(json!({"switchhook_sources": ["branch"]})).await,
        Some(0)
    );
    assert_eq!(
        events(json!({"switchhook_types": ["leg.*"]})).await,
        Some(0)
    );
    assert_eq!(
        events(json!({"switchhook_tenants": {"acme": true}})).await,
        None
    );
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it_and_a_removed_one_ends_its_tokens() {
    let trust = Trust::with(TestClock::new(true), Setup::default()).await;
    let old = trust.rsa.sign(&claims(&json!({})));
    let mut stream = trust.world.bearer(&old).ws("/v1/events").await.unwrap();
    stream.expect("stream.opened").await;
    stream.expect("stream.live").await;
    let mut sse = trust.world.bearer(&old).sse("/v1/events").await;
    sse.expect("stream.opened").await;

    let next = Signer::ec("ec-2");
    trust.issuer.publish(&[&next]);
    let new = next.sign(&claims(&json!({})));
    trust.refuses(&new, "asked a moment ago").await;
    assert_eq!(
        trust.issuer.asked(),
        1,
        "the issuer is not asked for every token"
    );
    trust.world.clock.push(Duration::from_secs(10));
    assert_eq!(trust.status(&new).await, 200);
    assert_eq!(trust.issuer.asked(), 2);

    trust.refuses(&old, "its key is gone").await;
    assert_eq!(stream.closed().await.1, 4401);
    sse.expect("stream.live").await;
    let closing = sse.expect("stream.closing").await;
    assert_eq!(closing.data["data"]["code"], 4401);
}

#[tokio::test]
async fn made_up_keys_do_not_make_us_ask_the_issuer_again_and_again() {
    let trust = Trust::with(TestClock::new(true), Setup::default()).await;
    let good = trust.ed.sign(&claims(&json!({})));
    assert_eq!(trust.status(&good).await, 200);
    for n in 0..20 {
        let guess = Signer::ec(&format!("made-up-{n}"));
        trust
            .refuses(&guess.sign(&claims(&json!({}))), "made up")
            .await;
    }
    assert_eq!(trust.issuer.asked(), 1);
    trust.world.clock.push(Duration::from_secs(10));
    for n in 0..20 {
        let guess = Signer::ec(&format!("made-up-{n}"));
        trust
            .refuses(&guess.sign(&claims(&json!({}))), "made up")
            .await;
    }
    assert_eq!(trust.issuer.asked(), 2);
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_shuts_out_nobody_it_knew() {
    let trust = Trust::with(TestClock::new(true), Setup::default()).await;
    let known = trust.ec.sign(&claims(&json!({})));
    assert_eq!(trust.status(&known).await, 200);
    for (status, body) in [
        (500, "{}"),
        (200, "garbage"),
        (302, ""),
        (200, "{\"keys\":7}"),
    ] {
        trust.issuer.say(status, body);
        trust.world.clock.push(Duration::from_secs(10));
        let asked = trust.issuer.asked();
        let unknown = Signer::ec("ec-9").sign(&claims(&json!({})));
        trust.refuses(&unknown, "not known").await;
        assert_eq!(trust.issuer.asked(), asked + 1, "{status} {body}");
        let another = trust.ec.sign(&claims(&json!({"sub": status.to_string()})));
        assert_eq!(trust.status(&another).await, 200, "{status} {body}");
    }
    trust.world.clock.push(Duration::from_secs(24 * 3_600));
    let later = claims(&json!({"exp": NOW + 48 * 3_600}));
    let late = trust.world.bearer(&trust.ec.sign(&later));
    let reply = late.get("/v1/events").await;
    assert_eq!(
        reply.problem(),
        (503, "unavailable".into()),
        "keys of yesterday"
    );
    assert_eq!(reply.header("retry-after"), Some("10"));
    trust.issuer.publish(&[&trust.ec]);
    trust.world.clock.push(Duration::from_secs(10));
    assert_eq!(late.get("/v1/events").await.status, 200, "and it recovers");
}

#[tokio::test]
async fn an_issuer_that_was_never_there_is_no_reason_to_let_anybody_in() {
    let ec = Signer::ec("ec-1");
    let issuer = Issuer::start(&[]).await;
    issuer.say(503, "");
    let policy = Policy::Tokens {
        tokens: tokens(),
        jwt: Some(Box::new(issuer.settings())),
    };
    let setup = Setup {
        policy,
        ..Setup::default()
    };
    let world = World::start_with(setup, TestClock::new(true)).await;
    let token = ec.sign(&claims(&json!({})));
    let reply = world.bearer(&token).get("/v1/events").await;
    assert_eq!(reply.problem(), (503, "unavailable".into()));
    assert_eq!(world.bearer("reader").get("/v1/events").await.status, 200);
    issuer.publish(&[&ec]);
    world.clock.push(Duration::from_secs(10));
    assert_eq!(world.bearer(&token).get("/v1/events").await.status, 200);
}

#[tokio::test]
async fn a_stream_outlives_its_token_when_another_comes_in_time() {
    let trust = Trust::with(TestClock::new(true), Setup::default()).await;
    let soon = |sub| {
        let changes = json!({"exp": NOW + 3, "sub": sub});
        trust.ed.sign(&claims(&changes))
    };
    let mut renewed = trust.world.client().ws("/v1/events").await.unwrap();
    renewed
        .say(json!({"op": "token", "token": soon("renewed")}))
        .await;
    let mut left = trust
        .world
        .bearer(&soon("left"))
        .ws("/v1/events")
        .await
        .unwrap();
    for stream in [&mut renewed, &mut left] {
        stream.expect("stream.opened").await;
        let mut told = [stream.next().await, stream.next().await];
        told.sort_by_key(|event| event["type"].to_string());
        assert_eq!(told[0]["type"], "stream.expiring");
        assert_eq!(told[0]["data"]["at"], "2023-11-14T22:13:23Z");
        assert_eq!(told[1]["type"], "stream.live");
    }
    let next = trust.ec.sign(&claims(&json!({})));
    renewed.say(json!({"op": "token", "token": next})).await;
    let (events, code) = left.closed().await;
    assert_eq!(code, 4502);
    assert_eq!(events.last().unwrap()["data"]["retryable"], true);
    let seen = trust
        .world
        .hub
        .publish(about(EventType::CallStarted, &call("1", None)));
    assert_eq!(renewed.next().await["id"], seen.to_string());
}

#[tokio::test]
async fn another_issuer_in_the_config_ends_the_tokens_of_the_old_one() {
    let trust = Trust::new().await;
    let token = trust.ec.sign(&claims(&json!({})));
    let mut stream = trust.world.bearer(&token).ws("/v1/events").await.unwrap();
    stream.expect("stream.opened").await;
    let same = Policy::Tokens {
        tokens: tokens(),
        jwt: Some(Box::new(trust.issuer.settings())),
    };
    trust.world.surface.reload(same);
    assert_eq!(trust.status(&token).await, 200);
    trust.world.surface.reload(super::world::by(tokens()));
    assert_eq!(stream.closed().await.1, 4401);
    trust.refuses(&token, "nobody's").await;
}

#[tokio::test]
async fn keys_come_by_https_from_whom_the_file_of_the_config_vouches_for() {
    let localhost = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (own, other) = (localhost(), localhost());
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let ec = Signer::ec("ec-1");
    let issuer = Issuer::start_secure(&[&ec], TlsAcceptor::from(Arc::new(tls))).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("id-ca.pem");
    std::fs::write(&file, other.cert.pem()).unwrap();
    let jwt = Jwt {
        ca_file: Some(file.clone()),
        ..issuer.settings()
    };
    let policy = Policy::Tokens {
        tokens: tokens(),
        jwt: Some(Box::new(jwt)),
    };
    let setup = Setup {
        policy,
        ..Setup::default()
    };
    let world = World::start_with(setup, TestClock::new(true)).await;
    let token = ec.sign(&claims(&json!({})));
    let reply = world.bearer(&token).get("/v1/events").await;
    assert_eq!(reply.problem(), (503, "unavailable".into()));
    // The file may be exchanged while the gateway runs.
    std::fs::write(&file, own.cert.pem()).unwrap();
    world.clock.push(Duration::from_secs(10));
    assert_eq!(world.bearer(&token).get("/v1/events").await.status, 200);
}
