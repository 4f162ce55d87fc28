//! An HTTP client of the public contract: one connection for each request, nothing followed, nothing guessed.

use std::{io, net::SocketAddr, time::Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::{Value, value::RawValue};
use tokio::net::TcpStream;

use crate::{Event, sse::Sse, wait, ws::Stream};

/// A client, with or without a token.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    headers: Vec<(String, String)>,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Client {
    /// A client of the gateway at an address.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        let headers = Vec::new();
        Self { address, headers }
    }

    /// The same client with the token of this name.
    #[must_use]
    pub fn bearer(&self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {}", crate::secret(token)))
    }

    /// The same client with one more header on every request.
    #[must_use]
    pub fn header(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((name.into(), value.into()));
        client
    }

    /// Where the gateway listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Response {
        self.send("GET", path, None).await
    }

    /// `GET`, where nobody may be listening.
    ///
    /// # Errors
    /// When there is no connection, or it breaks.
    pub async fn try_get(&self, path: &str) -> io::Result<Response> {
        let answer = self.open("GET", path, None).await?;
        read(answer).await
    }

    /// `POST` without a body.
    pub async fn post(&self, path: &str) -> Response {
        self.send("POST", path, None).await
    }

    /// Any request, with a JSON body or none.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        let exchange = async { read(self.open(method, path, body).await?).await };
        wait::within(format!("an answer to {method} {path}"), exchange)
            .await
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// A WebSocket on `/v1/events?<query>` that has its position: what happens from now on comes over it.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn stream(&self, query: &str) -> Stream {
        self.stranger(query).await.begun().await
    }

    /// A WebSocket over which the gateway may say nothing before the client does.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn stranger(&self, query: &str) -> Stream {
        let opened = Stream::open(self, query).await;
        opened.unwrap_or_else(|refused| panic!("stream {query}: {refused:?}"))
    }

    /// A WebSocket that the gateway refuses to open: the HTTP answer.
    ///
    /// # Panics
    /// When it is not refused.
    pub async fn refused(&self, query: &str) -> Response {
        match Stream::open(self, query).await {
            Err(response) => response,
            Ok(_) => panic!("stream {query}: opened"),
        }
    }

    /// A server-sent event stream on `/v1/events?<query>`.
    pub async fn sse(&self, query: &str) -> Sse {
        let accepting = self.header("accept", "text/event-stream");
        let path = events_path(query);
        let answer = wait::within("an event stream", accepting.open("GET", &path, None));
        let answer = answer.await.expect("an event stream");
        Sse::new(answer)
    }

    /// Every event of the log that passes a filter, page by page, from `earliest` on unless the query says otherwise.
    ///
    /// # Panics
    /// When a page is refused, or has no `next`.
    pub async fn history(&self, query: &str) -> Vec<Event> {
        self.history_of_pages(query, 1000).await
    }

    /// As [`Self::history`], so many events a page.
    ///
    /// # Panics
    /// As [`Self::history`].
    pub async fn history_of_pages(&self, query: &str, limit: usize) -> Vec<Event> {
        let mut path = events_path(&format!("limit={limit}&{query}"));
        let mut events = Vec::new();
        let mut end = Instant::now() + wait::PATIENCE;
        loop {
            let page = self.get(&path).await;
            assert_eq!(page.status, 200, "{path}: {}", page.text());
            let next = page
                .next()
                .unwrap_or_else(|| panic!("{path}: no next page"));
            let found = page.events();
            // A page may be empty and still not be the last one; at the head it leads to itself.
            if found.is_empty() && position(&next) == position(&path) {
                return events;
            }
            assert!(
                Instant::now() < end,
                "the pages have no end: {path} leads to {next}"
            );
            if !found.is_empty() {
                end = Instant::now() + wait::PATIENCE;
            }
            events.extend(found);
            path = next;
        }
    }

    /// An entity as it stands.
    ///
    /// # Panics
    /// When the answer is not 200.
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    async fn open(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> io::Result<hyper::Response<Incoming>> {
        let socket = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket))
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path);
        let own = |name: &str| {
            self.headers
                .iter()
                .any(|(mine, _)| mine.eq_ignore_ascii_case(name))
        };
        if !own("host") {
            request = request.header("host", self.address.to_string());
        }
        if body.is_some() && !own("content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let request = request.body(Full::new(body)).map_err(io::Error::other)?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?;
        Ok(answer)
    }
}

impl Response {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A header as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The target of `Link: <…>; rel="next"`.
    #[must_use]
    pub fn next(&self) -> Option<String> {
        let mut links = self
            .headers
            .get_all("link")
            .iter()
            .filter_map(|link| link.to_str().ok());
        links.find_map(|link| {
            let (target, relation) = link.strip_prefix('<')?.split_once('>')?;
            relation.contains("rel=\"next\"").then(|| target.to_owned())
        })
    }

    /// The events of a page, byte for byte.
    ///
    /// # Panics
    /// When the body is no batch.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let batch: Vec<&RawValue> = serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()));
        batch
            .into_iter()
            .map(|event| Event::read(event.get()))
            .collect()
    }

    /// Checks that this is an RFC 9457 problem with a status, and gives it.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    pub fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.text()
        );
        let problem = self.json();
        assert_eq!(problem["status"], status, "{problem}");
        assert!(
            problem["type"]
                .as_str()
                .is_some_and(|kind| kind.starts_with("/problems/")),
            "{problem}"
        );
        assert!(
            problem["title"].is_string() && problem["retryable"].is_boolean(),
            "{problem}"
        );
        problem
    }
}

/// `/v1/events?<query>`.
#[must_use]
pub fn events_path(query: &str) -> String {
    let query = query.trim_end_matches('&');
    if query.is_empty() {
        "/v1/events".into()
    } else {
        format!("/v1/events?{query}")
    }
}

/// The `after` of a page's address.
fn position(path: &str) -> Option<&str> {
    let (_, query) = path.split_once('?')?;
    query
        .split('&')
        .find_map(|parameter| parameter.strip_prefix("after="))
}

async fn read(answer: hyper::Response<Incoming>) -> io::Result<Response> {
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let (status, headers) = (head.status.as_u16(), head.headers);
    Ok(Response {
        status,
        headers,
        body,
    })
}
