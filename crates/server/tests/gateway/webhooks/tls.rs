//! Receivers that speak TLS.

use std::{sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, crypto::ring::default_provider, pki_types::PrivateKeyDer};
use serde_json::json;
use tokio_rustls::TlsAcceptor;

use super::receiver::Receiver;
use crate::world::World;

/// A private CA, as PEM, and a server on this machine that shows a certificate of it.
fn private() -> (String, TlsAcceptor) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    (ca.pem(), TlsAcceptor::from(Arc::new(config)))
}

#[tokio::test]
async fn a_certificate_is_believed_when_its_authority_is() {
    let mut world = World::start().await;
    let (ca, tls) = private();
    let mut receiver = Receiver::start_secure(tls, |_| 200).await;
    let (id, secret) = world.hook(&receiver, json!({})).await;
    world.pbx.say("call c2 t-acme").await;
    let refused = world
        .until_deliveries(&id, "pending", |items| {
            items
                .first()
                .is_some_and(|item| item["attempts"][0].is_object())
        })
        .await;
    let why = refused[0]["attempts"][0]["error"].as_str().unwrap();
    assert_eq!(
        why,
        "no TLS with `localhost`: invalid peer certificate: UnknownIssuer"
    );
    assert!(receiver.all().is_empty(), "nothing was sent");

    let file = world.folder.path().join("hooks-ca.pem");
    std::fs::write(&file, ca).unwrap();
    world
        .reconfigure(|config| {
            config.webhooks = format!("{}\nca_file = {file:?}", config.webhooks);
        })
        .await;
    world.pbx.say("call c3 t-acme").await;
    world.pass(Duration::from_secs(7));
    world.pbx.say("call c4 t-acme").await;
    let all = receiver
        .until("what was refused, too", |all| {
            all.iter()
                .any(|received| received.event()["subject"] == "calls/pbx:c2")
        })
        .await;
    assert!(all.iter().all(|received| received.is_signed(&secret)));
    world.running.stop().await;
}

#[tokio::test]
async fn a_certificate_of_another_host_is_refused() {
    let mut world = World::start().await;
    let (ca, tls) = private();
    let file = world.folder.path().join("hooks-ca.pem");
    std::fs::write(&file, ca).unwrap();
    world
        .reconfigure(|config| {
            config.webhooks = format!("{}\nca_file = {file:?}", config.webhooks);
        })
        .await;
    let receiver = Receiver::start_secure(tls, |_| 200).await;
    let url = format!("https://{}/hook", receiver.address);
    let (id, _) = world.hook(&receiver, json!({"url": url})).await;
    world.pbx.say("call c2 t-acme").await;
    let refused = world
        .until_deliveries(&id, "pending", |items| {
            items.first().is_some_and(|item| {
                let why = item["attempts"].as_array().and_then(|all| all.last());
                why.is_some_and(|why| why["error"].to_string().contains("not valid for name"))
            })
        })
        .await;
    assert!(receiver.all().is_empty(), "{refused:?}");
    world.running.stop().await;
}
