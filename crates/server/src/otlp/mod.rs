//! Sends traces to a collector: OTLP over HTTP, in Protocol Buffers.
//!
//! The message is `ExportTraceServiceRequest` of opentelemetry-proto 1.x. It is written by hand: it is small and will not
//! change, and the crates that write it bring an SDK along which would have nothing to do here.

mod protobuf;

use std::{sync::mpsc::Receiver, time::Duration};

use http::{HeaderMap, HeaderValue, Uri, header};
use telemetry::{Span, Tracer};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::webhooks::client::{Client, Lines, Post};

/// What is sent, and where to.
pub(crate) struct Exporter {
    pub(crate) tracer: Tracer,
    pub(crate) spans: Receiver<Span>,
    pub(crate) client: Client,
    /// With the path.
    pub(crate) uri: Uri,
}

/// The most spans of a request.
const MOST: usize = 1_024;
/// Between two requests.
const PAUSE: Duration = Duration::from_secs(1);
/// How many spans may wait.
pub(crate) const ROOM: usize = 16_384;

/// The collector's path for traces, behind what is configured.
pub(crate) fn traces(endpoint: &Uri) -> Option<Uri> {
    let path = endpoint.path().trim_end_matches('/');
    let path = if path.ends_with("/v1/traces") {
        path.to_owned()
    } else {
        format!("{path}/v1/traces")
    };
    let mut parts = endpoint.clone().into_parts();
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

impl Exporter {
    /// Sends what is told until it is told to stop, and then what is left.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let Self {
            tracer,
            spans,
            client,
            uri,
        } = self;
        let (lines, mut tick) = (Lines::default(), interval(PAUSE));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut well, mut dropped) = (true, 0);
        loop {
            let last = tokio::select! {
                () = stop.cancelled() => true,
                _ = tick.tick() => false,
            };
            loop {
                let batch: Vec<Span> = spans.try_iter().take(MOST).collect();
                if batch.is_empty() {
                    break;
                }
                let failed = send(&client, &lines, &uri, &batch).await;
                match &failed {
                    Some(why) if well => {
                        warn!(why, "the collector takes no traces: they are dropped");
                    }
                    None if !well => info!("the collector takes traces again"),
                    _ => {}
                }
                well = failed.is_none();
                if last && !well {
                    return;
                }
            }
            let lost = tracer.dropped();
            if lost > dropped {
                warn!(
                    spans = lost - dropped,
                    "traces came faster than they could be sent: lower telemetry.sample_percent"
                );
                dropped = lost;
            }
            if last {
                return;
            }
        }
    }
}

/// Why it was not taken, if so.
async fn send(client: &Client, lines: &Lines, uri: &Uri, batch: &[Span]) -> Option<String> {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-protobuf"),
    );
    let post = Post {
        uri: uri.clone(),
        headers,
        body: protobuf::request(batch).into(),
    };
    let attempt = client.post(lines, post).await;
    match attempt.status {
        Some(200..300) => None,
        Some(status) => Some(format!("it answers {status}")),
        None => Some(attempt.error.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_the_collectors() {
        for (endpoint, expected) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
            (
                "https://otlp.example.com/tenant",
                "https://otlp.example.com/tenant/v1/traces",
            ),
            (
                "https://otlp.example.com/v1/traces",
                "https://otlp.example.com/v1/traces",
            ),
        ] {
            let endpoint = endpoint.parse().unwrap();
            assert_eq!(traces(&endpoint).unwrap().to_string(), expected);
        }
    }
}
