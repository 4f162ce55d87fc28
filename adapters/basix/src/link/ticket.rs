//! Tickets: what opens one connection instead of the token. Drawn over HTTP, gone in seconds.

use adapter::{
    LinkError, LinkErrorKind, TlsOptions,
    socket::{Place, reach},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::config::Secret;

const PATH: &str = "/basix/api/gen_ws_ticket";
/// The longest answer.
const MAX_ANSWER: usize = 64 * 1024;

/// Draws a ticket for the very URI that is opened with it.
pub(super) async fn draw(
    place: &Place,
    tls: &TlsOptions,
    credentials: HeaderValue,
) -> Result<Secret, LinkError> {
    let at = Place {
        path: PATH.to_owned(),
        ..place.clone()
    };
    let doing = || format!("draw a ticket at {at}");
    let failed = |error: hyper::Error| LinkError::new(LinkErrorKind::Unreachable, doing(), error);
    let stream = reach(&at, tls).await?;
    let (mut client, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let body = serde_json::json!({"uri": place.path}).to_string();
    let request = Request::post(PATH)
        .header(header::HOST, at.authority())
        .header(header::AUTHORIZATION, credentials)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "close")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| LinkError::new(LinkErrorKind::Protocol, doing(), error))?;
    let exchange = async {
        let response = client.send_request(request).await.map_err(failed)?;
        if !response.status().is_success() {
            let (kind, status) = (super::refusal(response.status()), response.status());
            return Err(LinkError::new(kind, doing(), format!("HTTP {status}")));
        }
        let body = Limited::new(response.into_body(), MAX_ANSWER)
            .collect()
            .await;
        body.map(|body| body.to_bytes())
            .map_err(|error| LinkError::new(LinkErrorKind::Protocol, doing(), error))
    };
    // The connection is driven as long as the exchange lasts, and dropped with it.
    let mut exchange = std::pin::pin!(exchange);
    let answer = tokio::select! {
        biased;
        answer = &mut exchange => answer?,
        ended = connection => {
            ended.map_err(failed)?;
            exchange.await?
        }
    };
    let answer: Answer = serde_json::from_slice(&answer)
        .map_err(|error| LinkError::new(LinkErrorKind::Protocol, doing(), error))?;
    match answer.ticket {
        Some(ticket) if answer.result_code == 0 && !ticket.is_empty() => Ok(Secret::new(&ticket)),
        _ => {
            let said = format!("the PBX says: result_code {}", answer.result_code);
            Err(LinkError::new(LinkErrorKind::AuthRejected, doing(), said))
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    result_code: i64,
    #[serde(default)]
    ticket: Option<String>,
}
