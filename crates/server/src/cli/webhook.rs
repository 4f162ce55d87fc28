//! `switchhook webhook listen`: a receiver for trying webhooks.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use clap::{Args, Subcommand};
use serde_json::Value;
use tokio::net::TcpListener;

use super::{Exit, Failure, print, tell, wait};
use crate::{
    http::{self, envelope::SharedRules},
    run,
    webhooks::secret::Signer,
};

/// Try webhooks.
#[derive(Debug, Args)]
pub(super) struct Webhook {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Receive deliveries, verify and print them, and fail on purpose.
    Listen(Listen),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  switchhook webhook listen
  switchhook webhook listen --port 9100 --secret whsec_…      verifies signatures
  switchhook webhook listen --fail 2                          each event succeeds at the third attempt

The gateway delivers to this machine only where its config says so:
  [webhooks]
  allow_http = true
  allow_networks = [\"127.0.0.0/8\"]")]
struct Listen {
    /// The port, on the loopback interface.
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// The secret of the webhook, `whsec_…`: without it signatures are not checked.
    #[arg(long, env = "WEBHOOK_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// The status that is answered.
    #[arg(long, default_value_t = 204, value_parser = clap::value_parser!(u16).range(200..600))]
    status: u16,
    /// Answer so many attempts of each event with 503 first.
    #[arg(long, value_name = "ATTEMPTS", default_value_t = 0)]
    fail: u32,
    /// Print events whole, one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// What the receiver knows.
struct Receiver {
    signer: Option<Signer>,
    status: StatusCode,
    fail: u32,
    json: bool,
    /// Attempts of each event so far.
    attempts: Mutex<HashMap<String, u32>>,
}

/// The most events whose attempts are counted; then counting begins anew.
const MAX_EVENTS: usize = 100_000;

impl Webhook {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Command::Listen(listen) = self.command;
        wait(listen.run())
    }
}

impl Listen {
    async fn run(self) -> Result<(), Failure> {
        let signer = match &self.secret {
            None => None,
            Some(secret) => Some(Signer::parse(secret).ok_or_else(|| {
                Failure::new(Exit::Usage, "the secret is not `whsec_` and Base64")
            })?),
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let unavailable = |error| {
            Failure::new(
                Exit::Unavailable,
                format!("cannot listen on {address}: {error}"),
            )
        };
        let listener = TcpListener::bind(address).await.map_err(unavailable)?;
        let address = listener.local_addr().map_err(unavailable)?;
        let receiver = Arc::new(Receiver {
            signer,
            status: StatusCode::from_u16(self.status).unwrap_or(StatusCode::NO_CONTENT),
            fail: self.fail,
            json: self.json,
            attempts: Mutex::default(),
        });
        let router = Router::new().fallback(post(receive)).with_state(receiver);
        let stop = run::stop_on_signals()?;
        tell(&format!(
            "Receives webhooks at http://{address}/. ^C ends it.\n"
        ));
        let routers = http::Routers {
            all: router.clone(),
            refusal: router,
        };
        http::serve(listener, None, routers, SharedRules::default(), stop)
            .await
            .map_err(unavailable)
    }
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    };
    let (id, timestamp, signatures) = (
        text("webhook-id"),
        text("webhook-timestamp"),
        text("webhook-signature"),
    );
    let verified = receiver
        .signer
        .as_ref()
        .map(|signer| signer.verify(id, timestamp, &body, signatures));
    let attempt = receiver.count(id);
    let status = match verified {
        Some(false) => StatusCode::UNAUTHORIZED,
        _ if attempt <= receiver.fail => StatusCode::SERVICE_UNAVAILABLE,
        _ => receiver.status,
    };
    let event: Value = serde_json::from_slice(&body).unwrap_or_default();
    let line = if receiver.json {
        format!("{event}\n")
    } else {
        let member = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
        let signature = match verified {
            None => "unverified",
            Some(true) => "verified",
            Some(false) => "BAD SIGNATURE",
        };
        format!(
            "{} {signature} {id} {} {} (attempt {attempt})\n",
            status.as_u16(),
            member("type"),
            member("subject")
        )
    };
    // Nobody may be reading; the delivery is received all the same.
    let _ = print(&line);
    status
}

impl Receiver {
    fn count(&self, id: &str) -> u32 {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts.len() >= MAX_EVENTS {
            attempts.clear();
        }
        let count = attempts.entry(id.to_owned()).or_default();
        *count += 1;
        *count
    }
}
