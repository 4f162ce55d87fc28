//! A small HTTP client for one host: login, REST, and the question which Engine.IO is spoken.

use std::{error::Error, time::Duration};

use adapter::{
    LinkError, LinkErrorKind, TlsOptions,
    socket::{Place, reach},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, StatusCode,
    client::conn::http1::{SendRequest, handshake},
    header::{ACCEPT, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::unreachable;

/// Who asks.
const AGENT: &str = concat!("switchhook/", env!("CARGO_PKG_VERSION"));

/// A client that keeps one connection, and makes another when that one is gone.
pub(super) struct Http {
    place: Place,
    tls: TlsOptions,
    /// The most bytes of an answer.
    limit: usize,
    open: Option<Open>,
}

struct Open {
    send: SendRequest<Full<Bytes>>,
    /// Drives the connection, and ends with it.
    _driver: AbortOnDropHandle<()>,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    /// How long to wait before asking again, when the server says so.
    pub(super) retry_after: Option<Duration>,
}

impl Http {
    pub(super) fn new(place: Place, tls: TlsOptions, limit: usize) -> Self {
        Self {
            place,
            tls,
            limit,
            open: None,
        }
    }

    /// Where it asks, for messages: `https://api.telecomx.dk:443`.
    pub(super) fn name(&self) -> String {
        let place = self.place.to_string();
        let place = place.trim_end_matches('/');
        place.replacen("ws", "http", 1)
    }

    pub(super) async fn get(&mut self, path: &str, limit: Duration) -> Result<Answer, LinkError> {
        self.ask(&Method::GET, path, None, limit).await
    }

    /// Sends a body of a media type.
    pub(super) async fn post(
        &mut self,
        path: &str,
        body: (&'static str, Bytes),
        limit: Duration,
    ) -> Result<Answer, LinkError> {
        self.ask(&Method::POST, path, Some(body), limit).await
    }

    async fn ask(
        &mut self,
        method: &Method,
        path: &str,
        body: Option<(&'static str, Bytes)>,
        limit: Duration,
    ) -> Result<Answer, LinkError> {
        // The query may hold a token.
        let bare = path.split('?').next().unwrap_or("");
        let doing = format!("{method} {}{bare}", self.name());
        let asking = async {
            let reused = self
                .open
                .as_ref()
                .is_some_and(|open| !open.send.is_closed());
            match self.once(method, path, body.clone(), &doing).await {
                // A kept connection may have ended while nobody looked. What was asked is asked once more.
                Err(error) if reused && error.kind != LinkErrorKind::Protocol => {
                    self.once(method, path, body, &doing).await
                }
                answer => answer,
            }
        };
        let answered = timeout(limit, asking).await;
        answered.unwrap_or_else(|elapsed| {
            self.open = None;
            Err(unreachable(
                format!("{doing} within {} s", limit.as_secs()),
                elapsed,
            ))
        })
    }

    async fn once(
        &mut self,
        method: &Method,
        path: &str,
        body: Option<(&'static str, Bytes)>,
        doing: &str,
    ) -> Result<Answer, LinkError> {
        // Kept again only when all went well.
        let open = self.open.take().filter(|open| !open.send.is_closed());
        let mut open = match open {
            Some(open) => open,
            None => self.connect(doing).await?,
        };
        let failed = |error| unreachable(doing, error);
        let request = self
            .request(method, path, body)
            .map_err(|error| unreachable(doing, error))?;
        let response = open.send.send_request(request).await.map_err(failed)?;
        let status = response.status();
        let seconds = response.headers().get(RETRY_AFTER);
        let seconds = seconds.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let body = Limited::new(response.into_body(), self.limit);
        let body = body
            .collect()
            .await
            .map_err(|error| self.broken(doing, error))?;
        let body = body.to_bytes();
        self.open = Some(open);
        Ok(Answer {
            status,
            body,
            retry_after: seconds.map(Duration::from_secs),
        })
    }

    /// An answer that did not come to its end. One that is too long will be so again.
    fn broken(&self, doing: &str, error: Box<dyn Error + Send + Sync>) -> LinkError {
        if error.is::<LengthLimitError>() {
            let limit = self.limit;
            let error = format!("the answer is longer than max_frame, {limit} bytes");
            return LinkError::new(LinkErrorKind::Protocol, doing, error);
        }
        unreachable(doing, error)
    }

    async fn connect(&self, doing: &str) -> Result<Open, LinkError> {
        let stream = reach(&self.place, &self.tls).await?;
        let (send, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| unreachable(doing, error))?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an HTTP connection ended");
            }
        });
        Ok(Open {
            send,
            _driver: AbortOnDropHandle::new(driver),
        })
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        body: Option<(&'static str, Bytes)>,
    ) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let Place { host, port, .. } = &self.place;
        let host = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, host)
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, "application/json, */*;q=0.1");
        match body {
            Some((media, body)) => request.header(CONTENT_TYPE, media).body(Full::new(body)),
            None => request.body(Full::default()),
        }
    }
}

/// Escapes a value for a query.
pub(super) fn escaped(value: &str) -> String {
    use std::fmt::Write as _;
    value.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}
