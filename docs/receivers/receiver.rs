//! A webhook receiver for Rust. Usage: `WEBHOOK_SECRET=whsec_… receiver [port]`

#![expect(clippy::print_stdout, reason = "it shows what it gets")]

use std::{
    collections::HashSet,
    env,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::Value;
use standardwebhooks::Webhook;
use tokio::net::TcpListener;

struct Receiver {
    webhook: Webhook,
    seen: Mutex<HashSet<String>>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let receiver = Arc::new(Receiver {
        webhook: Webhook::new(&env::var("WEBHOOK_SECRET")?)?,
        seen: Mutex::default(),
    });
    let port: u16 = env::args().nth(1).map_or(Ok(8080), |port| port.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening {}", listener.local_addr()?.port());
    let router = Router::new()
        .route("/{*path}", post(receive))
        .with_state(receiver);
    Ok(axum::serve(listener, router).await?)
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    // Over the raw body: parsing and writing it again would change it.
    if receiver.webhook.verify(&body, &headers).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    let Ok(event) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
    // An event that comes twice has the same id. What takes long belongs behind a queue: answer soon, and work afterwards.
    let mut seen = receiver.seen.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.insert(text("id")) {
        println!("{} {} {}", text("id"), text("type"), text("subject"));
    }
    StatusCode::NO_CONTENT
}
