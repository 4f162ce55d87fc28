//! One request to an endpoint: over a connection whose address was checked, in bounded time, with a bounded answer.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{guard::Guard, schedule::RetryAfter};

/// Sends requests, wherever the guard lets them go.
pub struct Client {
    guard: ArcSwap<Guard>,
    tls: ArcSwap<TlsConnector>,
    patience: Duration,
}

/// Connections to one endpoint that wait for the next request.
#[derive(Default)]
pub struct Lines(Mutex<Vec<Line>>);

/// What is sent.
#[derive(Clone, Debug)]
pub struct Post {
    /// Where to: checked when it was configured.
    pub uri: Uri,
    /// Beside `Host`.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Attempt {
    /// The HTTP status; none when there was no answer.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
    /// How long the receiver asks to wait.
    pub retry_after: Option<RetryAfter>,
    /// How long it took.
    pub took: Duration,
    /// The beginning of the answer.
    pub answer: Vec<u8>,
}

struct Line {
    sender: SendRequest<Full<Bytes>>,
    address: IpAddr,
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot find the address of `{0}`")]
    Resolve(String, #[source] io::Error),
    #[error("`{host}` is at {address}, which is {what}: refused")]
    Refused {
        host: String,
        address: IpAddr,
        what: &'static str,
    },
    #[error("cannot connect to {0}")]
    Connect(SocketAddr, #[source] io::Error),
    #[error("`{0}` is no name for a certificate")]
    Name(String),
    #[error("no TLS with `{0}`")]
    Tls(String, #[source] io::Error),
    #[error("the connection failed")]
    Http(#[from] hyper::Error),
    #[error("the request cannot be built")]
    Request(#[from] http::Error),
}

/// How long a request may take in all, from the name to the last byte of the answer.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// The most bytes of an answer that are read. Beyond it the connection is closed.
const MAX_ANSWER: usize = 64 * 1024;
/// The most bytes of an answer that are kept.
const KEPT_ANSWER: usize = 1024;
/// The most connections of an endpoint that wait.
const MAX_IDLE: usize = 32;

impl Client {
    /// A client that trusts these certificates.
    #[must_use]
    pub fn new(guard: Guard, tls: TlsConnector, patience: Duration) -> Self {
        Self {
            guard: ArcSwap::from_pointee(guard),
            tls: ArcSwap::from_pointee(tls),
            patience,
        }
    }

    /// Takes over another guard. Connections that it would not allow are not used again.
    pub fn reload(&self, guard: Guard) {
        self.guard.store(guard.into());
    }

    /// Trusts other certificates, for the connections from here on.
    pub fn trust(&self, tls: TlsConnector) {
        self.tls.store(tls.into());
    }

    /// What may be delivered to now.
    #[must_use]
    pub fn guard(&self) -> std::sync::Arc<Guard> {
        self.guard.load_full()
    }

    /// Sends a request. Whatever goes wrong is part of the result.
    pub async fn post(&self, lines: &Lines, post: Post) -> Attempt {
        let begun = Instant::now();
        let exchanged = timeout(self.patience, self.exchange(lines, post)).await;
        let took = begun.elapsed();
        match exchanged {
            Ok(Ok((head, answer))) => Attempt {
                status: Some(head.status().as_u16()),
                retry_after: retry_after(head.headers()),
                answer,
                took,
                error: None,
            },
            Ok(Err(failure)) => Attempt {
                error: Some(chain(&failure)),
                took,
                ..Attempt::default()
            },
            Err(_) => Attempt {
                error: Some(format!("no answer within {} s", self.patience.as_secs())),
                took,
                ..Attempt::default()
            },
        }
    }

    async fn exchange(
        &self,
        lines: &Lines,
        post: Post,
    ) -> Result<(Response<()>, Vec<u8>), Failure> {
        let authority = post
            .uri
            .authority()
            .map_or("", |authority| authority.as_str());
        let path = post.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::post(path).body(Full::new(post.body.clone()))?;
        *request.headers_mut() = post.headers.clone();
        let host = HeaderValue::from_str(authority).map_err(http::Error::from)?;
        request.headers_mut().insert(header::HOST, host);
        // A connection that waited may have been closed meanwhile; then nothing was sent, and a new one is made.
        while let Some(mut line) = lines.take(&self.guard.load()) {
            match line.sender.try_send_request(request).await {
                Ok(response) => return finish(lines, line, response).await,
                Err(mut error) => match error.take_message() {
                    Some(again) => request = again,
                    None => return Err(error.into_error().into()),
                },
            }
        }
        let mut line = self.connect(&post.uri).await?;
        let response = line.sender.send_request(request).await?;
        finish(lines, line, response).await
    }

    /// Connects to the first address of a name that answers. All of them are checked first, and only what was checked is
    /// connected to.
    async fn connect(&self, uri: &Uri) -> Result<Line, Failure> {
        let host = uri.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let secure = uri.scheme_str() != Some("http");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let resolve = |error| Failure::Resolve(host.to_owned(), error);
        let found = tokio::net::lookup_host((bare, port))
            .await
            .map_err(resolve)?;
        let guard = self.guard.load_full();
        let mut last = resolve(io::ErrorKind::NotFound.into());
        for address in found {
            let ip = address.ip();
            if let Err(what) = guard.check(ip) {
                last = Failure::Refused {
                    host: host.to_owned(),
                    address: ip,
                    what,
                };
                continue;
            }
            let socket = match TcpStream::connect(address).await {
                Ok(socket) => socket,
                Err(error) => {
                    last = Failure::Connect(address, error);
                    continue;
                }
            };
            let _ = socket.set_nodelay(true);
            let sender = if secure {
                let name = ServerName::try_from(bare.to_owned());
                let name = name.map_err(|_| Failure::Name(bare.to_owned()))?;
                let secured = self.tls.load_full().connect(name, socket).await;
                speak(secured.map_err(|error| Failure::Tls(host.to_owned(), error))?).await?
            } else {
                speak(socket).await?
            };
            return Ok(Line {
                sender,
                address: ip,
            });
        }
        Err(last)
    }
}

impl Lines {
    fn take(&self, guard: &Guard) -> Option<Line> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(line) = lines.pop() {
            if line.sender.is_ready() && guard.check(line.address).is_ok() {
                return Some(line);
            }
        }
        None
    }

    fn put(&self, line: Line) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < MAX_IDLE {
            lines.push(line);
        }
    }

    /// Closes what waits: the endpoint has moved.
    pub fn close(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

async fn speak<S>(socket: S) -> Result<SendRequest<Full<Bytes>>, Failure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_headers(100)
        .handshake(TokioIo::new(socket))
        .await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "a connection to an endpoint ended"
            );
        }
    });
    Ok(sender)
}

/// Reads the answer, as far as it is wanted. Only a connection whose answer was read to its end is used again.
async fn finish(
    lines: &Lines,
    mut line: Line,
    response: Response<Incoming>,
) -> Result<(Response<()>, Vec<u8>), Failure> {
    let (parts, mut body) = response.into_parts();
    let (mut kept, mut read) = (Vec::new(), 0);
    let mut whole = true;
    while let Some(frame) = body.frame().await {
        // The status is what counts; an answer that breaks off changes nothing about it.
        let Ok(frame) = frame else {
            whole = false;
            break;
        };
        let Some(data) = frame.data_ref() else {
            continue;
        };
        let room = KEPT_ANSWER - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
        read += data.len();
        if read > MAX_ANSWER {
            whole = false;
            break;
        }
    }
    if whole && line.sender.ready().await.is_ok() {
        lines.put(line);
    }
    Ok((Response::from_parts(parts, ()), kept))
}

fn retry_after(headers: &HeaderMap) -> Option<RetryAfter> {
    RetryAfter::parse(headers.get(header::RETRY_AFTER)?.to_str().ok()?)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
