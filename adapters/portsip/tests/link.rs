//! The link against the simulator: every dialect, every way in, and the ways it can fail.

#![cfg(test)]

use std::{sync::Arc, time::Duration};

use adapter::{Link, TlsOptions};
use bytes::Bytes;
use portsip::{
    link::{Connection, LinkConfig, Login, connect},
    sim::{Profile, Sim},
};
use serde_json::Value;

#[tokio::test]
async fn lively_traffic_arrives() {
    let sim = Sim::start(Profile {
        pace: 40.0,
        ..Profile::default()
    })
    .await
    .unwrap();
    let mut link = connect(&config(&sim), Arc::new(())).await.unwrap();
    assert_eq!(link.dialect().as_deref(), Some("v22"));
    read_until(&mut link, |event| event["event_type"] == "call_cdr").await;
    link.close().await;
}

fn config(sim: &Sim) -> LinkConfig {
    let profile = sim.profile();
    LinkConfig {
        url: sim.url().to_owned(),
        dialect: None,
        login: Login {
            username: Some("supervisor".to_owned()),
            extension_number: None,
            domain: Some(profile.domain.clone()),
            password: profile.password.clone(),
        },
        topics: ["extension_events", "cdr_events", "queue_events"]
            .map(str::to_owned)
            .to_vec(),
        extensions: profile.extension_numbers().collect(),
        queues: profile.queue_numbers().collect(),
        tenants: vec![profile.tenant_id.to_string()],
        tls: TlsOptions::default(),
        silence: Duration::from_secs(30),
        max_frame: 4 << 20,
    }
}

/// Reads until a message fits, and yields all up to it.
async fn read_until(link: &mut Connection, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut heard = Vec::new();
    loop {
        let mut frames: Vec<Bytes> = Vec::new();
        link.read(&mut frames).await.unwrap();
        for frame in frames {
            let message: Value = serde_json::from_slice(&frame).unwrap();
            let found = fits(&message);
            heard.push(message);
            if found {
                return heard;
            }
        }
    }
}
